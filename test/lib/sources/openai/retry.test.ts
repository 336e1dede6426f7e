import t from 'tap'
import { retryAfterMs, retryDelay } from '../../../../lib/sources/openai/retry.ts'

const NOW = Date.parse('2026-01-01T00:00:00Z')

t.test('retryAfterMs reads what servers send', async t => {
  for (const [headers, expected] of [
    [{}, undefined],
    [{ 'retry-after-ms': '250' }, 250],
    [{ 'retry-after-ms': '250', 'retry-after': '7' }, 250],
    [{ 'retry-after-ms': 'soon', 'retry-after': '7' }, 7_000],
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after': '1.5' }, 1_500],
    [{ 'retry-after': 'Thu, 01 Jan 2026 00:00:03 GMT' }, 3_000],
    [{ 'retry-after': 'Wed, 31 Dec 2025 23:59:59 GMT' }, 0],
    [{ 'retry-after': '-1' }, undefined],
    [{ 'retry-after': 'NaN' }, undefined],
    [{ 'retry-after': 'soon' }, undefined],
    [{ 'retry-after': '' }, undefined],
    [{ 'retry-after': '9'.repeat(400) }, Infinity]
  ] as Array<[Record<string, string>, number | undefined]>) {
    t.equal(retryAfterMs(new Headers(headers), NOW), expected, JSON.stringify(headers).slice(0, 80))
  }
})

t.test('retryDelay', async t => {
  const question = { retries: 0, retryAfterMs: undefined, now: NOW, deadline: Infinity, random: () => 0 }

  t.test('grows from half a second to at most four, with jitter', async t => {
    for (const [retries, random, expected] of [
      [0, 0, 500], [0, 0.5, 750], [1, 0, 1_000], [1, 0.999, 1_999], [2, 0.999, 3_998], [3, 0, 4_000], [9, 0.999, 4_000]
    ] as const) t.equal(retryDelay({ ...question, retries, random: () => random }), expected)
  })

  t.test('obeys the server up to ten seconds, and gives up beyond', async t => {
    for (const [retryAfterMs, expected] of [
      [0, 0], [9_999, 9_999], [10_000, 10_000], [10_001, undefined], [Infinity, undefined]
    ] as const) {
      t.equal(retryDelay({ ...question, retryAfterMs }), expected)
    }
  })

  t.test('gives up when the wait would reach the deadline', async t => {
    t.equal(retryDelay({ ...question, deadline: NOW + 500 }), undefined)
    t.equal(retryDelay({ ...question, deadline: NOW + 501 }), 500)
    t.equal(retryDelay({ ...question, retryAfterMs: 3_000, deadline: NOW + 3_000 }), undefined)
    t.equal(retryDelay({ ...question, retryAfterMs: 3_000, deadline: NOW + 3_001 }), 3_000)
  })
})
