import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import type { Boot, Booted } from '../fixtures/boot.ts'

const run = promisify(execFile)

async function boot (how: Boot): Promise<Booted> {
  const script = fileURLToPath(new URL('../fixtures/boot.ts', import.meta.url))
  const env = { ...process.env, _TAPJS_PROCESSINFO_COVERAGE_: '0' }
  const { stdout } = await run(process.execPath, ['--import', import.meta.resolve('tsx'), script, JSON.stringify(how)], { env })
  return JSON.parse(stdout) as Booted
}

/** What the package needs besides Fastify; what these need Fastify has loaded. */
const ALWAYS = ['env-schema', 'fastify-plugin']

/** Nothing of the playground, the commands or the simulator. */
const OWN = [
  ...[
    'bot', 'config', 'diagnostics', 'outbound', 'replies', 'signals', 'sources', 'stores', 'streams', 'texts', 'util', 'wecom'
  ].map(room => `lib/${room}`),
  ...['callback', 'index', 'streams'].map(name => `plugins/${name}.ts`)
]

t.test('an app loads the packages of what it uses, also if a key is set', async t => {
  const own = await boot({ source: 'own' })
  t.strictSame(own, { packages: ALWAYS, own: OWN })
  t.strictSame(await boot({ source: 'mock' }), own)
  t.strictSame(await boot({ source: 'openai' }), { packages: [...ALWAYS, 'openai'].sort(), own: OWN })
})

t.test('a command of a clone in which nothing is installed says what to run', async t => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
  const before = /^node -e "([^"]*)" \|\| npm run --silent build:missing$/.exec(scripts['prestart'] ?? '')?.[1] as string
  const missing = /^node -e "(.*)" && npm run build$/.exec(scripts['build:missing'] ?? '')?.[1] as string
  // Elsewhere: what is not found in a folder is looked for in those above it.
  const cwd = mkdtempSync(join(tmpdir(), 'wecom-clone-'))
  t.teardown(() => rmSync(cwd, { recursive: true }))
  const inFolder = (code: string): Promise<unknown> => run(process.execPath, ['-e', code], { cwd })
  await t.rejects(inFolder(before), { code: 1 })
  await t.rejects(inFolder(missing), { code: 1, stderr: 'There is no dist, and nothing to build it with: run npm ci --include=dev\n' })
})

t.test('a package that is missing is a fault at boot of those that use it, and of no others', async t => {
  const { error } = await boot({ source: 'openai', withoutOpenAI: true })
  t.equal(error, 'ConfigError: fastify-wecom-stream is not configured correctly:\n' +
    '- package openai: cannot be loaded (ERR_MODULE_NOT_FOUND), expected it to be installed: npm install openai')
  t.equal((await boot({ source: 'own', withoutOpenAI: true })).error, undefined)
})
