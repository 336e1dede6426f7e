import type { Test } from 'tap'
import { testLibrary } from './contract.ts'
import { sample } from './sample.ts'
import { chat, responses } from './wire.ts'

const server = sample('ai-sdk-server.mjs')
const compatible = `
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { aiSdkSource } from './ai-sdk.mjs'

const provider = createOpenAICompatible({ name: 'compatible', baseURL: process.env.OPENAI_BASE_URL, apiKey: process.env.OPENAI_API_KEY })
await app.register(wecomStream, { source: aiSdkSource(provider('a-model')) })
`

export async function testAiSdk (t: Test, folder: string): Promise<void> {
  await testLibrary(t, {
    folder,
    attempts: 3,
    models: [
      { name: 'Responses, as in the sample', code: server, wire: responses, thinks: true },
      { name: 'chat completions', code: server.replace('openai(', 'openai.chat('), wire: chat, thinks: false },
      { name: 'a compatible server', code: compatible, wire: chat, thinks: true }
    ]
  })
}
