import { getEventListeners } from 'node:events'
import t from 'tap'
import { abortable } from '../../../lib/util/abortable.ts'

t.test('passes on what the work comes to', async t => {
  const { signal } = new AbortController()
  t.equal(await abortable(Promise.resolve(1), signal), 1)
  await t.rejects(abortable(Promise.reject(new Error('lost')), signal), { message: 'lost' })
  t.equal(getEventListeners(signal, 'abort').length, 0, 'no listener is left')
})

t.test('rejects with the reason at once, and swallows the loser', async t => {
  const abort = new AbortController()
  const { signal } = abort
  let fail = (_: Error): void => {}
  const waiting = abortable(new Promise((_resolve, reject) => { fail = reject }), signal)
  abort.abort(new Error('stop'))
  await t.rejects(waiting, { message: 'stop' })
  fail(new Error('too late'))
  await t.rejects(abortable(Promise.resolve(1), signal), { message: 'stop' }, 'also when it was aborted before')
  await t.rejects(abortable(Promise.reject(new Error('lost')), signal), { message: 'stop' })
  t.equal(getEventListeners(signal, 'abort').length, 0, 'no listener is left')
})
