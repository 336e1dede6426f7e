import t from 'tap'
import { canMove, isTerminal, StreamStatus } from '../../../lib/stores/status.ts'
import type { StoredStatus } from '../../../lib/stores/status.ts'

const STORED = ['running', 'stopping', 'done', 'error'] as const

t.test('the names of the statuses are part of the contract', async t => {
  t.strictSame(StreamStatus, { RUNNING: 'running', DONE: 'done', STOPPING: 'stopping', ERROR: 'error', MISSING: 'missing' })
})

t.test('these moves there are, and no others', async t => {
  const moves = new Set(['running>done', 'running>stopping', 'running>error', 'stopping>done', 'stopping>error'])
  for (const from of STORED) {
    for (const to of [...STORED, 'missing'] as const) {
      t.equal(canMove(from, to as StoredStatus), moves.has(`${from}>${to}`), `${from} to ${to}`)
    }
  }
})

t.test('done and error are the end', async t => {
  t.strictSame(STORED.filter(isTerminal), ['done', 'error'])
})
