import { readFile, stat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import type { Loopback } from '../../outbound/loopback.ts'
import { createMediaBox, MAX_FILE_BYTES } from '../../playground/media-box.ts'
import type { SimulatedMessage } from '../../simulator/conversation.ts'
import type { Io } from '../io.ts'

/** No name of a host, so that only the bot of this process finds it. */
const ORIGIN = 'https://chat.invalid'
const FOLDER = '/media/'
const KEPT_BYTES = 2 * MAX_FILE_BYTES

/** Returns the message that sends the file, or the sentence that says why it cannot be sent. */
export type FileMessage = (path: string) => Promise<SimulatedMessage | string>

/** Keeps what is sent, sealed as WeCom's storage has it, where the bot fetches it through the loopback. */
export function createFileMessage (loopback: Loopback, encodingAESKey: string, { cwd, clock }: Pick<Io, 'cwd' | 'clock'>): FileMessage {
  const box = createMediaBox({ encodingAESKey, maxFileBytes: MAX_FILE_BYTES, maxBytes: KEPT_BYTES, now: () => clock.now() })
  loopback.origin = ORIGIN
  loopback.answer = async ({ path }) => {
    const media = box.sealed(path.slice(FOLDER.length))
    return media && { headers: { ...media.headers, 'content-length': String(media.headers['content-length']) }, body: media.body }
  }

  return async path => {
    if (path === '') return '/file lacks its path: /file PATH sends a picture or file'
    const data = await read(resolve(cwd, path))
    if (typeof data === 'string') return `${path} cannot be sent: ${data}`
    const { id, type } = box.put(basename(path), data)
    const [family] = type.split('/')
    const msgtype = family === 'image' || family === 'video' ? family : 'file'
    return { msgtype, [msgtype]: { url: ORIGIN + FOLDER + id } }
  }
}

/** A bot elsewhere has no way into this process. */
export const noFileMessage: FileMessage = async () =>
  'files can only be sent to a bot that chat starts itself, without a URL: another one cannot fetch them from here. ' +
  'The command playground sends them to any bot, with --target and --public-url'

/** The file, or why there is none. */
async function read (path: string): Promise<Buffer | string> {
  try {
    const facts = await stat(path)
    if (facts.isDirectory()) return 'it is a folder'
    // A pipe or a device may never end.
    if (!facts.isFile()) return 'it is no file'
    if (facts.size > MAX_FILE_BYTES) return `it is larger than ${MAX_FILE_BYTES / 1024 / 1024} MiB`
    return facts.size === 0 ? 'it is empty' : await readFile(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code})`
  }
}
