import type { FastifyInstance } from 'fastify'
import { MAX_FILE_BYTES } from '../../lib/playground/media-box.ts'
import type { Json, Switches } from '../../lib/playground/model.ts'
import type { NewConversation, Playground } from '../../lib/playground/playground.ts'
import { cardFaults } from '../../lib/playground/warnings.ts'

const MAX_RECORDING_BYTES = 32 * 1024 * 1024

const text = { type: 'string', minLength: 1, maxLength: 200 } as const
const flag = { type: 'boolean' } as const
const json = { type: 'object' } as const
const kinded = { type: 'object', required: ['msgtype'], properties: { msgtype: text } } as const
const event = { type: 'object', required: ['eventtype'], properties: { eventtype: text } } as const

const body = (properties: Record<string, object>, required = Object.keys(properties)) =>
  ({ schema: { hide: true, body: { type: 'object', required, properties, additionalProperties: false } } })

/** What the page may ask for, each a POST: a browser names the origin of those always. */
export function addActions (scope: FastifyInstance, playground: Playground): void {
  scope.post<{ Body: NewConversation }>('/api/create', body({
    kind: { enum: ['single', 'group'] }, name: text, members: { type: 'array', minItems: 1, maxItems: 50, items: text }
  }), async ({ body }) => playground.create(body))

  scope.post<{ Body: { conversation: string } }>('/api/remove', body({ conversation: text }), async ({ body }) => {
    playground.remove(body.conversation)
    return {}
  })

  scope.post<{ Body: { conversation: string, user: string, message: Json, files: string[] } }>('/api/send', body({
    conversation: text, user: text, message: kinded, files: { type: 'array', maxItems: 20, items: text }
  }), async ({ body }) => playground.send(body.conversation, body.user, body.message, body.files))

  scope.post<{ Body: { conversation: string, user: string, event: Json, about?: string } }>('/api/event', body({
    conversation: text, user: text, event, about: text
  }, ['conversation', 'user', 'event']), async ({ body }) => playground.tell(body.conversation, body.user, body.event, body.about))

  scope.post<{ Body: { conversation: string } }>('/api/verify', body({ conversation: text }), async ({ body }) => {
    const { ok, tookMs, problems } = await playground.verify(body.conversation)
    return { ok, tookMs, problems }
  })

  scope.post<{ Body: Partial<Switches> }>('/api/switches', body({
    dropReply: flag,
    repeat: flag,
    late: flag,
    wrongSignature: flag,
    clockOff: flag,
    twice: flag,
    stopped: flag,
    offline: flag,
    refreshMs: { type: 'integer', minimum: 50, maximum: 60_000 }
  }, []), async ({ body }) => {
    playground.set(body)
    return {}
  })

  scope.post<{ Body: { n: number } }>('/api/exchange', body({ n: { type: 'integer' } }), async ({ body }) => playground.detail(body.n))

  scope.post<{ Body: { card: Json } }>('/api/card', body({ card: json }), async ({ body }) => ({ faults: cardFaults(body.card) }))

  scope.post<{ Body: { conversation: string } }>('/api/record', body({ conversation: text }), async ({ body }) =>
    playground.record(body.conversation))

  scope.post<{ Body: { conversation: string } }>('/api/test', body({ conversation: text }), async ({ body }) =>
    ({ test: playground.asTest(body.conversation) }))

  scope.post<{ Body: { recording: Json } }>('/api/load', {
    ...body({ recording: json }), bodyLimit: MAX_RECORDING_BYTES
  }, async ({ body }) => playground.load(body.recording))

  scope.post<{ Body: { conversation: string } }>('/api/replay', body({ conversation: text }), async ({ body }) =>
    ({ id: playground.replay(body.conversation).id }))

  scope.post<{ Body: { id: string } }>('/api/file', body({ id: text }), async ({ body }, reply) => {
    // As bytes: what it is, the page decides.
    return await reply.type('application/octet-stream').send(playground.file(body.id).data)
  })

  scope.register(async upload => {
    upload.removeAllContentTypeParsers()
    upload.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, data, done) => done(null, data))
    upload.post<{ Body: Buffer, Querystring: { name: string } }>('/api/upload', {
      schema: { hide: true, querystring: { type: 'object', required: ['name'], properties: { name: text } } } as object,
      bodyLimit: MAX_FILE_BYTES
    }, async ({ body, query }) => playground.upload(query.name, body))
  })
}
