import t from 'tap'
import { endingOf, FAILURE_LEVELS } from '../../../lib/streams/ending.ts'
import type { EndReason } from '../../../lib/streams/ending.ts'
import { FAILURE_CLASSES, SourceError } from '../../../lib/util/errors.ts'

t.test('each reason has its status, its class and its notice', async t => {
  const expected: Array<[EndReason, object]> = [
    ['END', { status: 'done' }],
    ['LENGTH', { status: 'done', notice: 'LENGTH' }],
    ['TOO_LARGE', { status: 'done', notice: 'TOO_LARGE' }],
    ['STOP', { status: 'done', notice: 'STOPPED' }],
    ['DENIED', { status: 'done', notice: 'DENIED' }],
    ['REFUSED', { status: 'done', notice: 'REFUSED' }],
    ['LIMITED', { status: 'done', notice: 'LIMITED' }],
    ['SHUTDOWN', { status: 'error', class: 'BROKEN' }],
    ['DEADLINE', { status: 'error', class: 'TIMEOUT' }],
    ['FIRST_TOKEN', { status: 'error', class: 'TIMEOUT' }],
    ['IDLE', { status: 'error', class: 'TIMEOUT' }]
  ]
  for (const [reason, ending] of expected) t.strictSame(endingOf(reason, undefined), ending, reason)
})

t.test('a source that fails chooses its class by a SourceError, and is INTERNAL otherwise', async t => {
  for (const failureClass of FAILURE_CLASSES) {
    t.strictSame(endingOf('FAILED', new SourceError({ class: failureClass })), { status: 'error', class: failureClass })
  }
  for (const error of [new Error('x'), { class: 'AUTH' }, 'AUTH', null, undefined]) {
    t.strictSame(endingOf('FAILED', error), { status: 'error', class: 'INTERNAL' })
  }
})

t.test('what the operator has to mend is an error in the log, the rest is not', async t => {
  t.strictSame(Object.keys(FAILURE_LEVELS), [...FAILURE_CLASSES])
  const levelOf = (level: string): string[] => FAILURE_CLASSES.filter(name => FAILURE_LEVELS[name] === level)
  t.strictSame(levelOf('error'), ['AUTH', 'QUOTA', 'BAD_REQUEST', 'INTERNAL'])
  t.strictSame(levelOf('warn'), ['BUSY', 'TIMEOUT', 'BROKEN'])
  t.strictSame(levelOf('info'), ['FILTERED'])
})
