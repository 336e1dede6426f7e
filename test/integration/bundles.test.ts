import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import type { Test } from 'tap'
import { buildApp, keys, PATH } from '../fixtures/app.ts'

const BIN = resolve('dist/lib/cli/main.cjs')
const CREDENTIALS = ['--token', keys.token, '--key', keys.encodingAESKey]

/** A process as a user has it: without the loaders and the settings of this one. */
const { PATH: programs = '' } = process.env
// What is bundled is measured as sources.
const plain = (t: Test) => ({ cwd: folder(t), env: { PATH: programs, MOCK_CHUNK_DELAY_MS: '1', _TAPJS_PROCESSINFO_COVERAGE_: '0' } })

function folder (t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'wecom-bundle-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

async function run (t: Test, argv: string[], bin = BIN): Promise<{ code: number, stdout: string, stderr: string }> {
  const asked = promisify(execFile)(process.execPath, [bin, ...argv], plain(t))
  return await asked.then(output => ({ code: 0, ...output }), ({ code, stdout, stderr }) => ({ code, stdout, stderr }))
}

t.test('each command runs from its bundle', async t => {
  const { app } = await buildApp(t)
  const url = await app.listen({ host: '127.0.0.1', port: 0 }) + PATH
  t.strictSame(await run(t, ['chat', '--message', 'hello', '--interval', '5']), {
    code: 0, stdout: 'Q: hello\nHello world! This is a stream.\n', stderr: ''
  })
  const doctor = await run(t, ['doctor', url, ...CREDENTIALS])
  t.equal(doctor.code, 0)
  t.ok(doctor.stdout.endsWith('The bot answers, and its refreshes are served.\n'))
  const check = await run(t, ['check', url, ...CREDENTIALS, '--only', 'verify'])
  t.equal(check.code, 0)
  t.ok(check.stdout.includes('PASS  verify.echo\n'))
})

t.test('the playground runs from its bundle, with the page that was built', async t => {
  const child = spawn(process.execPath, [BIN, 'playground'], plain(t))
  t.teardown(() => child.kill('SIGKILL'))
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data')
  const { origin, hash } = new URL(String(line).replace(/^Playground: /, '').trim())
  for (const file of ['', 'app.js', 'app.css']) t.equal((await fetch(`${origin}/playground/${file}`)).status, 200, file)
  const call = async (action: string, body: object): Promise<any> => await (await fetch(`${origin}/playground/api/${action}`, {
    method: 'POST',
    headers: { origin, 'x-playground-token': hash.slice(1), 'content-type': 'application/json' },
    body: JSON.stringify(body)
  })).json()
  const { id } = await call('create', { kind: 'single', name: 'x', members: ['x'] })
  t.match(await call('verify', { conversation: id }), { ok: true, problems: [] })
  child.kill('SIGTERM')
  t.strictSame(await once(child, 'exit'), [0, null])
})

t.test('without fastify at hand, what needs it says what to install, and the others run', async t => {
  const root = folder(t)
  cpSync('dist', join(root, 'dist'), { recursive: true })
  cpSync('package.json', join(root, 'package.json'))
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
  for (const name of Object.keys(dependencies)) {
    const link = join(root, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    if (existsSync(join('node_modules', name))) symlinkSync(resolve('node_modules', name), link)
  }
  const bin = join(root, 'dist/lib/cli/main.cjs')
  for (const name of ['chat', 'playground']) {
    t.strictSame(await run(t, [name], bin), {
      code: 2, stdout: '', stderr: 'fastify is not installed, and this command needs it: npm install fastify\n'
    }, name)
  }
  t.equal((await run(t, ['check', '--list'], bin)).code, 0)
  t.equal((await run(t, ['doctor', '--help'], bin)).code, 0)
})

t.test('the page is small', async t => {
  t.ok(readFileSync('dist/plugins/playground/app.js').length <= 250 * 1024)
})
