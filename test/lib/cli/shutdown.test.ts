import { EventEmitter, once } from 'node:events'
import t from 'tap'
import { onShutdown } from '../../../lib/cli/shutdown.ts'

function createProcess () {
  const process = new EventEmitter()
  return Object.assign(process, { exit: (code: number) => process.emit('exit', code) })
}

t.test('a signal closes, and exits with 0', async t => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const process = createProcess()
    let closed = false
    onShutdown(process, async () => { closed = true })
    const exited = once(process, 'exit')
    process.emit(signal)
    t.strictSame(await exited, [0])
    t.ok(closed)
  }
})

t.test('a second signal does not wait', async t => {
  const process = createProcess()
  let closings = 0
  onShutdown(process, () => { closings++; return new Promise(() => {}) })
  process.emit('SIGTERM')
  const exited = once(process, 'exit')
  process.emit('SIGINT')
  t.strictSame(await exited, [1])
  t.equal(closings, 1)
})

t.test('what goes wrong is told, and exits with 1', async t => {
  const process = createProcess()
  const printed = t.capture(console, 'error')
  const problem = new Error('will not close')
  onShutdown(process, async () => { throw problem })
  const exited = once(process, 'exit')
  process.emit('SIGTERM')
  t.strictSame(await exited, [1])
  t.strictSame(printed().map(({ args }) => args), [[problem]])
})
