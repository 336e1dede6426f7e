import type { FastifyInstance } from 'fastify'
import type { Source } from '../../plugins/index.ts'

export interface Intake {
  /** Chunks per second into a stream with a follower. */
  followed: number
  /** Chunks per second into a stream that is read when it has ended. */
  unread: number
  /** Chunks per second of the same source read in a bare loop. */
  bare: number
}

const CHUNK = 'a token '

/** As fast as it is read, and more than any stream takes. */
const endless: Source = async function * endless () {
  for (;;) yield CHUNK
}

async function followed (app: FastifyInstance): Promise<number> {
  const id = await app.startStream({ prompt: '', source: endless })
  let length = 0
  for await (const { cursor } of app.followStream(id)) length = cursor
  return length
}

async function unread (app: FastifyInstance): Promise<number> {
  const id = await app.startStream({ prompt: '', source: endless })
  for (;;) {
    const { status, cursor } = await app.getStreamState(id)
    if (status !== 'running') return cursor
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

async function bare (bytes: number): Promise<number> {
  let text = ''
  for await (const chunk of endless({ prompt: '', deadline: 0 }, undefined as never)) {
    text += chunk as string
    if (text.length >= bytes) break
  }
  return text.length
}

/** Reads small chunks until the content cap ends the stream. */
export async function measureIntake (app: FastifyInstance, bytes: number): Promise<Intake> {
  return {
    followed: await chunksPerSecond(() => followed(app)),
    unread: await chunksPerSecond(() => unread(app)),
    bare: await chunksPerSecond(() => bare(bytes))
  }
}

async function chunksPerSecond (read: () => Promise<number>): Promise<number> {
  const startedAt = performance.now()
  const length = await read()
  return length / CHUNK.length / (performance.now() - startedAt) * 1000
}
