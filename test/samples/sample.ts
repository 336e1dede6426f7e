import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { samples } from '../fixtures/documents.ts'

/** The samples that need packages which are installed here alone: `npm run test:samples`. */
export const NAMES = ['chat.mjs', 'ai-sdk.mjs', 'ai-sdk-server.mjs', 'langchain.mjs', 'langchain-server.mjs']

/** A sample as it stands in its document. */
export function sample (name: string): string {
  const code = samples.get(name)
  if (code === undefined) throw new Error(`no document has a sample ${name}`)
  return code
}

/** What the lines above and below the register line are in the quick start, with a log that can be read. */
const HOST = `
import Fastify from 'fastify'
import wecomStream from 'fastify-wecom-stream'

export const lines = []
export const app = Fastify({ forceCloseConnections: true, logger: { level: 'trace', stream: { write: line => lines.push(line) } } })
`

export const KEYS = { token: 'sample', encodingAESKey: 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C' }

export interface Host {
  app: FastifyInstance
  lines: string[]
}

let count = 0

/** Runs code in place of the register line, with the samples beside it and the packages of this folder. */
export async function host (t: Test, folder: string, code: string, env: Record<string, string>): Promise<Host> {
  const saved = process.env
  process.env = { ...saved, WECOM_TOKEN: KEYS.token, WECOM_ENCODING_AES_KEY: KEYS.encodingAESKey, ...env }
  t.teardown(() => { process.env = saved })

  // Packages are looked for from here upwards: those of the folder come first.
  const place = join(folder, 'node_modules/.samples')
  mkdirSync(place, { recursive: true })
  for (const name of NAMES) writeFileSync(join(place, name), sample(name))
  const file = join(place, `host-${count++}.mjs`)
  writeFileSync(file, `${HOST}\n${code}`)
  const { app, lines } = await import(pathToFileURL(file).href) as Host
  t.teardown(() => app.close())
  return { app, lines }
}
