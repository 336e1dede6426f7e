import t from 'tap'
import type { RedisConnection } from '../../../../lib/stores/redis/connection.ts'
import { defineScript, runScript, ttlArg } from '../../../../lib/stores/redis/script.ts'

const script = defineScript('one', 'return 1')

function createConnection (...outcomes: unknown[]) {
  const sent: unknown[] = []
  const connection: RedisConnection = {
    async command (args, key) {
      sent.push([args, key])
      const outcome = outcomes.shift()
      if (outcome instanceof Error || outcome === 'thrown') throw outcome
      return outcome
    },
    async close () {}
  }
  return { sent, connection }
}

t.test('a script is called by its digest, on the node of its keys', async t => {
  const { sent, connection } = createConnection('reply')
  t.equal(await runScript(connection, script, ['{k}', '{k}:c'], ['a', '']), 'reply')
  t.strictSame(sent, [[['EVALSHA', 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db', '2', '{k}', '{k}:c', 'a', ''], '{k}']])
})

t.test('a script that the server does not know is sent whole', async t => {
  const { sent, connection } = createConnection(new Error('NOSCRIPT No matching script. Please use EVAL.'), 'reply')
  t.equal(await runScript(connection, script, ['k'], ['a']), 'reply')
  t.strictSame(sent[1], [['EVAL', 'return 1', '1', 'k', 'a'], 'k'])
})

t.test('any other failure is the caller\'s', async t => {
  for (const outcome of [new Error('ERR NOSCRIPT'), 'thrown']) {
    const { sent, connection } = createConnection(outcome)
    await t.rejects(runScript(connection, script, ['k'], []))
    t.equal(sent.length, 1)
  }
})

t.test('a time to live is whole and never over', t => {
  t.strictSame([1000, 1000.2, 0.3, 0, -5].map(ttlArg), ['1000', '1001', '1', '1', '1'])
  t.end()
})
