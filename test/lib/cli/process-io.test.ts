import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { createIo } from '../../../lib/cli/process-io.ts'
import type { ProcessLike } from '../../../lib/cli/process-io.ts'

function createProcess () {
  const exits: unknown[] = []
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() }
  const process = Object.assign(new EventEmitter(), { ...streams, env: {}, cwd: () => '/here', exit: () => exits.push('exit') })
  return { process, exits, io: createIo(process as unknown as ProcessLike) }
}

t.test('signals end a command, and a listener takes Ctrl-C in their place', t => {
  const { process, io } = createProcess()
  t.equal(io.cwd, '/here')
  let interrupts = 0
  const giveBack = io.onInterrupt(() => { interrupts++ })
  process.emit('SIGINT')
  t.strictSame([interrupts, io.signal.aborted], [1, false])
  giveBack()
  process.emit('SIGINT')
  t.strictSame([interrupts, io.signal.aborted], [1, true])

  for (const signal of ['SIGTERM', 'SIGHUP']) {
    const { process, io } = createProcess()
    io.onInterrupt(() => {})
    process.emit(signal)
    t.equal(io.signal.aborted, true, signal)
  }
  t.end()
})

t.test('a reader that has gone ends the process', t => {
  const { process, exits } = createProcess()
  process.stdout.emit('error', new Error('EPIPE'))
  t.strictSame(exits, ['exit'])
  t.end()
})
