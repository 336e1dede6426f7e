import { readFault } from './chunk.ts'
import { isPage, parseJson, readErrorBody } from './error-body.ts'
import { UpstreamError } from './upstream-error.ts'

const HEARTBEATS_IN_A_ROW = 1_000
const LABEL = /^\s*([\w.+-]{1,64}\/[\w.+-]{1,64})\s*(?:;|$)/

export interface BodyEventsOptions {
  /** The content type that came; null if none did. */
  label: string | null
  /** Called if nothing that follows can be of use. */
  fail (error: UpstreamError): void
  /** Called for each event that was none. */
  skipped (): void
}

/**
 * The events of a body, whatever it is labelled as: its first characters tell an event stream from one plain completion. What is no
 * event for us is left out, and `[DONE]` ends it, since some servers never close.
 */
export function readEvents ({ label, fail, skipped }: BodyEventsOptions): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder()
  const encoder = new TextEncoder()
  const isLabelled = typeOf(label) === 'text/event-stream'
  let kind: 'unknown' | 'events' | 'json' = 'unknown'
  let text = ''
  let event: string[] = []
  let heartbeats = 0
  let isOver = false

  type Controller = TransformStreamDefaultController<Uint8Array>

  function end (controller: Controller): void {
    isOver = true
    controller.terminate()
  }

  function refuse (controller: Controller, error: UpstreamError): void {
    isOver = true
    fail(error)
    controller.error(error)
  }

  function give (controller: Controller, block: string): void {
    controller.enqueue(encoder.encode(`${block}\n\n`))
  }

  function endEvent (controller: Controller): void {
    if (event.length === 0) return
    const data = fieldsOf(event, 'data').join('\n').trim()
    const name = fieldsOf(event, 'event').at(-1)
    const block = event.join('\n')
    event = []
    if (data === '[DONE]') {
      give(controller, block)
      return end(controller)
    }
    if (name === 'error') {
      heartbeats = 0
      return give(controller, `data: ${JSON.stringify({ error: readErrorBody(data) ?? { message: name } })}`)
    }
    if (/^[{[]/.test(data)) {
      heartbeats = 0
      give(controller, block)
      return
    }
    skipped()
    if (++heartbeats > HEARTBEATS_IN_A_ROW) refuse(controller, new UpstreamError('BAD_JSON'))
  }

  function readLines (controller: Controller, isLast: boolean): void {
    // A carriage return at the very end may be half of a line break.
    const lines = text.split(isLast ? /\r\n|\n|\r/ : /\r\n|\n|\r(?!$)/)
    text = lines.pop() as string
    for (const line of isLast ? [...lines, text, ''] : lines) {
      if (isOver) return
      if (line === '') endEvent(controller)
      // Comments are no events.
      else if (!line.startsWith(':')) event.push(line)
    }
  }

  function decide (controller: Controller, isLast: boolean): void {
    // Servers that think for long send blanks and comments before either kind.
    text = text.replace(/^(?:\s|:.*[\r\n])+/, '')
    if (!isLast && /^(?::.*)?$/.test(text)) return
    if (/^[{[]/.test(text)) kind = 'json'
    else if ((isLabelled && !isPage(text)) || /^(?:data|event|id|retry)?:/.test(text)) kind = 'events'
    else if (isLast || !/^[a-z]{0,5}$/.test(text)) refuse(controller, new UpstreamError('NOT_SSE'))
  }

  function readWhole (controller: Controller): void {
    const completion = parseJson(text)
    const fault = readFault(completion)
    if (fault === undefined && Array.isArray((completion as { choices?: unknown } | undefined)?.choices)) {
      give(controller, `data: ${JSON.stringify(completion)}`)
      give(controller, 'data: [DONE]')
    } else {
      refuse(controller, new UpstreamError('NOT_SSE', fault))
    }
  }

  return new TransformStream({
    transform (bytes, controller) {
      const piece = decoder.decode(bytes, { stream: true })
      text += piece
      if (kind === 'unknown') decide(controller, false)
      // A long line comes in many pieces, and is not to be searched again with each.
      if (kind === 'events' && /[\r\n]/.test(text.length > piece.length ? text.slice(-piece.length - 1) : text)) {
        readLines(controller, false)
      }
    },
    flush (controller) {
      text += decoder.decode()
      if (kind === 'unknown') decide(controller, true)
      if (kind === 'events') readLines(controller, true)
      if (kind === 'json') readWhole(controller)
    }
  })
}

/** The type itself, where it may be logged. */
export const typeOf = (label: string | null): string | undefined => LABEL.exec(label ?? '')?.[1]?.toLowerCase()

/** The values of a field of an event, as the standard reads them. */
function fieldsOf (event: string[], name: string): string[] {
  return event.filter(line => line === name || line.startsWith(`${name}:`)).map(line => line.slice(name.length + 1).replace(/^ /, ''))
}
