import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { settings } from './settings.ts'
import { median } from './statistics.ts'

export const MAX_PROMPT_MS = 1000

/** Milliseconds until `chat`, which starts a bot for it, says what it talks with; in a terminal its prompt comes with that. */
async function timeToPrompt (): Promise<number> {
  const begin = performance.now()
  const child = spawn(process.execPath, [resolve('dist/lib/cli/main.cjs'), 'chat'], { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  const tookMs = performance.now() - begin
  child.stdin.end()
  await once(child, 'exit')
  return tookMs
}

export async function benchChat (): Promise<{ promptMs: number }> {
  const measured: number[] = []
  for (let round = 0; round < settings.rounds; round++) measured.push(await timeToPrompt())
  return { promptMs: median(measured) }
}
