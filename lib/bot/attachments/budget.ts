import type { CallbackConfig } from '../../config/settings.ts'
import type { Clock } from '../../util/clock.ts'
import { MediaError } from '../../wecom/media/error.ts'

/** In bytes of files, as they are before base64. */
export interface MediaLimits {
  /** Of one file. */
  file: number
  /** Of one message, with what it quotes. */
  message: number
  /** Of one sender. */
  sender: number
  /** Of all. */
  total: number
}

/** What is held of the files of users, from the download to the end of the turn, whichever bot of an app has fetched it. */
export class MediaPool {
  bytes = 0
  readonly bytesOf = new Map<string, number>()
  /** Look again whether there is room, in their order. */
  readonly waiting = new Set<() => void>()
}

/** What one message may hold. */
export interface MessageBudget {
  file (): FileBudget
  /** The turn is over: all that its files have held is free. */
  release (): void
}

export interface FileBudget {
  /**
   * How many bytes of a file of that size may be read: all of them, or, if nobody says the size, as many as a file may have. They
   * count from now on. Undefined if there is no room for them.
   */
  take (size: number | undefined): number | undefined
  /**
   * Resolves when there is room for that, which is taken. Rejects with a `MediaError` if there is none within a minute in all, or
   * can be none, and with the signal's reason if it is aborted.
   */
  wait (size: number | undefined, signal: AbortSignal): Promise<void>
  /** The file is there, and has that size; it counts until the turn is over. Throws a `MediaError` if it finds no room. */
  keep (size: number): void
  /** It could not be had: what it holds is free. */
  leave (): void
}

const WAIT_MS = 60_000

type MediaSettings = Pick<CallbackConfig, 'WECOM_MEDIA_MAX_BYTES' | 'WECOM_MEDIA_MESSAGE_MAX_BYTES' | 'WECOM_MEDIA_TOTAL_MAX_BYTES'>

/** A file may always have what its own limit says, and a sender what a message may have at most. */
export function mediaLimits (
  { WECOM_MEDIA_MAX_BYTES: file, WECOM_MEDIA_MESSAGE_MAX_BYTES: ofMessage, WECOM_MEDIA_TOTAL_MAX_BYTES: ofAll }: MediaSettings
): MediaLimits {
  const message = Math.max(ofMessage, file)
  const sender = Math.max(Math.floor(ofAll / 4), message)
  return { file, message, sender, total: Math.max(ofAll, sender) }
}

export function createMediaBudget (
  { pool, limits, clock }: { pool: MediaPool, limits: MediaLimits, clock: Clock }
): (sender?: string) => MessageBudget {
  return (sender = '') => {
    const files = new Set<() => void>()
    /** What the files of this message hold, and how much of that belongs to those that are there. */
    const held = { all: 0, kept: 0 }

    const excessOf = (more: number): 'message' | 'sender' | undefined =>
      held.all + more > limits.message ? 'message' : (pool.bytesOf.get(sender) ?? 0) + more > limits.sender ? 'sender' : undefined

    const fits = (more: number): boolean => more <= 0 || (excessOf(more) === undefined && pool.bytes + more <= limits.total)

    function add (bytes: number): void {
      held.all += bytes
      pool.bytes += bytes
      const ofSender = (pool.bytesOf.get(sender) ?? 0) + bytes
      if (ofSender === 0) pool.bytesOf.delete(sender)
      else pool.bytesOf.set(sender, ofSender)
    }

    const lookAgain = (): void => { for (const look of pool.waiting) look() }

    function file (): FileBudget {
      let own = 0
      let patience: number | undefined
      const leave = (): void => {
        if (!files.delete(leave)) return
        add(-own)
        lookAgain()
      }
      files.add(leave)

      function take (size: number | undefined): number | undefined {
        // A download that ends behind its turn would hold what nobody frees.
        if (!files.has(leave)) return undefined
        const wanted = size ?? Math.min(limits.file, limits.message - held.kept)
        const more = Math.max(0, wanted - own)
        if (!fits(more)) return undefined
        add(more)
        own += more
        return wanted
      }

      /** What is there stays until the turn is over, so nothing else makes room in the message. */
      const isHopeless = (size: number | undefined): boolean => size !== undefined && held.kept + size > limits.message

      return {
        take,
        leave,
        keep (size) {
          if (take(size) === undefined) throw noRoomFor('message')
          add(size - own)
          own = size
          held.kept += size
          lookAgain()
        },
        wait: (size, signal) => new Promise((resolve, reject) => {
          const settle = (settled: () => void): void => {
            cancel()
            signal.removeEventListener('abort', abort)
            pool.waiting.delete(look)
            settled()
          }
          const abort = (): void => settle(() => reject(signal.reason))
          const look = (): void => {
            if (isHopeless(size)) settle(() => reject(noRoomFor('message')))
            else if (take(size) !== undefined) settle(resolve)
          }
          const giveUp = (): void => settle(() => reject(noRoomFor(excessOf((size ?? 1) - own))))
          patience ??= clock.now() + WAIT_MS
          const cancel = clock.setTimeout(giveUp, patience - clock.now())
          signal.addEventListener('abort', abort)
          pool.waiting.add(look)
          if (signal.aborted) abort()
          else look()
        })
      }
    }

    return {
      file,
      release () {
        for (const leave of files) leave()
      }
    }
  }
}

const noRoomFor = (excess: 'message' | 'sender' | undefined): MediaError => {
  switch (excess) {
    case 'message': return new MediaError('TOO_LARGE', 'the files of its message are larger together than WECOM_MEDIA_MESSAGE_MAX_BYTES')
    case 'sender':
      return new MediaError('TOO_LARGE', 'its sender has more files under way than a quarter of WECOM_MEDIA_TOTAL_MAX_BYTES')
    case undefined: return new MediaError('NO_ROOM', 'the files under way take up WECOM_MEDIA_TOTAL_MAX_BYTES')
  }
}
