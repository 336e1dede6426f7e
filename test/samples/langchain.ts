import type { Test } from 'tap'
import { testLibrary } from './contract.ts'
import { sample } from './sample.ts'
import { chat, responses } from './wire.ts'

const server = sample('langchain-server.mjs')

export async function testLangChain (t: Test, folder: string): Promise<void> {
  await testLibrary(t, {
    folder,
    attempts: 3,
    models: [
      { name: 'chat completions, as in the sample', code: server, wire: chat, thinks: true },
      { name: 'Responses', code: server.replace('maxRetries:', 'useResponsesApi: true, maxRetries:'), wire: responses, thinks: true }
    ]
  })
}
