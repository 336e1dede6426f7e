import t from 'tap'
import type { Test } from 'tap'
import type { ConnectionEvents } from '../../../../lib/stores/redis/client.ts'
import { RedisTimeoutError } from '../../../../lib/stores/redis/connection.ts'
import { defineScript, runScript } from '../../../../lib/stores/redis/script.ts'
import { superviseRedis } from '../../../../lib/stores/redis/supervised.ts'
import type { SupervisedOptions } from '../../../../lib/stores/redis/supervised.ts'
import { createManualClock } from '../../../fixtures/clock.ts'
import { createLog } from '../../../fixtures/log.ts'
import { listen } from '../../../fixtures/signals.ts'
import { idle } from '../../../fixtures/waiting.ts'

const READONLY = new Error("READONLY You can't write against a read only replica.")
const RESET = new Error('read ECONNRESET')

async function supervise (t: Test, options: Partial<SupervisedOptions> = {}) {
  const clock = createManualClock()
  const log = createLog()
  const sent: string[] = []
  let events!: ConnectionEvents
  // What commands of that name fail with.
  const failures: { ours?: unknown, look?: unknown } = {}
  let reconnections = 0
  const connection = await superviseRedis({
    clock,
    log,
    prefix: 'mine:',
    wrongServerCure: 'follow the master',
    connect: async given => {
      events = given
      return {
        async command (args) {
          sent.push(args.join(' '))
          const failure = args[1]?.startsWith('mine:p:') === true ? failures.look : failures.ours
          if (failure !== undefined) throw failure
          return 'reply'
        },
        reconnect () { reconnections++ },
        async close () {}
      }
    },
    ...options
  })
  t.teardown(() => connection.close())
  const lines = () => log.lines.map(({ level, message }) => `${level}: ${message}`)
  /** Lets what is under way go on. */
  const fail = async (error: unknown, operation = 'streams.read'): Promise<unknown> => {
    failures.ours = error
    const thrown = await connection.command(['EVALSHA', 'sha', '1', 'mine:s:{1}'], 'mine:s:{1}', operation).catch((error: unknown) => error)
    delete failures.ours
    await idle()
    return thrown
  }
  return { clock, log, lines, sent, failures, fail, connection, events, reconnections: () => reconnections }
}

t.test('a reply is given on, and a script that is unknown there is sent whole', async t => {
  const { connection, failures, log, sent } = await supervise(t)
  t.equal(await connection.command(['GET', 'mine:f:{1}'], 'mine:f:{1}'), 'reply')
  failures.ours = new Error('NOSCRIPT No matching script.')
  await t.rejects(runScript(connection, defineScript('one', 'return 1'), ['k'], []), { message: /^NOSCRIPT/ })
  t.match(sent.at(-1), /^EVAL return 1/)
  t.strictSame(log.lines, [])
})

t.test('a failure is an UnavailableError, without what the client has put into its own', async t => {
  const { fail } = await supervise(t)
  const error = await fail(
    Object.assign(new Error("ERR unknown command 'X', with args beginning with: 'a prompt'"), { command: { args: ['a prompt'] } })
  ) as Error
  t.match(error, { code: 'WECOM_ERR_UNAVAILABLE', statusCode: 503, cause: { message: "ERR unknown command 'X'", code: 'ERR' } })
  t.notMatch(JSON.stringify([error, error.cause, { ...error.cause as object }]), /prompt/)
})

t.test('a command whose reply is lost is sent again within half a second, unless Redis is known to be away', async t => {
  const { clock, connection, failures, sent } = await supervise(t)
  const ask = async (): Promise<unknown> => await connection.command(['GET', 'mine:f:{1}'], 'mine:f:{1}').catch((error: unknown) => error)
  const asked = (): number => sent.filter(command => command.startsWith('GET')).length
  await ask()
  for (const pauses of [[50], [50, 150], [50, 150, 300]]) {
    failures.ours = RESET
    const before = asked()
    const asking = ask()
    for (const ms of pauses) {
      await idle()
      if (ms === pauses.at(-1)) delete failures.ours
      await clock.advance(ms)
    }
    t.equal(await asking, 'reply')
    t.equal(asked() - before, pauses.length + 1)
  }
  failures.ours = failures.look = RESET
  const lost = ask()
  await idle()
  await clock.advance(500)
  t.hasStrict(await lost, { code: 'WECOM_ERR_UNAVAILABLE', cause: { kind: 'away' } })
  const before = asked()
  t.hasStrict(await ask(), { code: 'WECOM_ERR_UNAVAILABLE' })
  t.equal(asked() - before, 1, 'it is known by now')
  delete failures.ours
  t.equal(await ask(), 'reply')
  failures.ours = new RedisTimeoutError(300)
  const [late, earlier] = [ask(), asked()]
  await idle()
  delete failures.ours
  await clock.advance(50)
  t.equal(await late, 'reply', 'a reply that is late is waited for once more')
  failures.ours = new RedisTimeoutError(300)
  const later = ask()
  await idle()
  await clock.advance(50)
  t.hasStrict(await later, { code: 'WECOM_ERR_UNAVAILABLE' })
  t.equal(asked() - earlier, 3, 'and no more than once')
  delete failures.ours
  await ask()
  for (const failure of [new RedisTimeoutError(1000), READONLY, new Error('NOPERM this user')]) {
    failures.ours = failure
    const before = asked()
    t.hasStrict(await ask(), { code: 'WECOM_ERR_UNAVAILABLE' })
    t.equal(asked() - before, 1)
    delete failures.ours
    await ask()
  }
})

t.test('an outage has a line at its begin, one a minute with a count, and one at its end', async t => {
  const { clock, log, lines, failures, fail, sent, connection } = await supervise(t)
  failures.look = RESET
  const before = clock.now()
  for (let refresh = 0; refresh < 50; refresh++) await fail(RESET)
  t.hasStrict(
    log.lines, [{ level: 'error', message: 'Redis is away', fields: { operation: 'streams.read', cause: { message: 'read ECONNRESET' } } }]
  )
  t.strictSame(
    sent.filter(command => command.startsWith('SET')), ['SET mine:p:{1} 1 PX 1000'], 'it is looked for where a command has failed'
  )
  await clock.advance(59_000)
  t.equal(log.lines.length, 1)
  await clock.advance(2000)
  t.equal(log.lines.length, 2)
  t.match(log.lines[1], { message: 'Redis is still away', fields: { operations: ['look', 'streams.read'], count: Number, forMs: 60_000 } })
  await clock.advance(58_000)
  t.equal(log.lines.length, 2)
  delete failures.look
  await clock.advance(2000)
  t.equal(log.lines.length, 3)
  t.match(log.lines[2], { level: 'info', message: 'Redis is back', fields: { failures: Number, forMs: Number } })
  t.ok(connection.lastDisruptionAt?.() as number > before)
  const { length } = sent
  await clock.advance(10_000)
  t.equal(sent.length, length, 'nobody looks any more')
  await fail(RESET)
  t.strictSame(lines().slice(-2), ['info: Redis is back', 'error: Redis is away'])
})

t.test('an outage is over when an interval has passed without a failure', async t => {
  const { clock, lines, fail } = await supervise(t)
  await fail(RESET)
  for (let second = 0; second < 5; second++) {
    await clock.advance(900)
    await fail(RESET)
  }
  t.strictSame(lines(), ['error: Redis is away'])
  await clock.advance(2000)
  t.strictSame(lines(), ['error: Redis is away', 'info: Redis is back'])
})

t.test('one reply that is late is no outage, several are', async t => {
  const { clock, lines, failures, fail } = await supervise(t)
  for (let times = 0; times < 3; times++) await fail(new RedisTimeoutError(300))
  t.strictSame(lines(), [])
  t.equal(clock.pending, 0)
  failures.look = new RedisTimeoutError(300)
  await fail(new RedisTimeoutError(300))
  t.strictSame(lines(), ['error: Redis is away'])
})

t.test('a server that is the wrong one is left at most once a second, until the master is found', async t => {
  const { clock, log, lines, failures, fail, reconnections, events } = await supervise(t)
  failures.look = READONLY
  for (let times = 0; times < 10; times++) await fail(READONLY, 'streams.append')
  t.hasStrict(log.lines, [{
    level: 'error',
    message: 'this server of Redis takes no commands now',
    fields: {
      operation: 'streams.append', code: 'READONLY', cure: 'follow the master'
    }
  }])
  t.equal(reconnections(), 1)
  await clock.advance(5000)
  t.equal(reconnections(), 6)
  events.lost(RESET)
  events.stands()
  await fail(RESET)
  t.equal(lines().length, 1, 'connections that are given up on the way are no other outage')
  delete failures.look
  await clock.advance(3000)
  t.strictSame(lines().slice(1), ['info: Redis is back'])
  t.equal(reconnections(), 6)
})

t.test('a server that loads its data is away for two seconds, then the wrong one', async t => {
  const { clock, log, failures, fail, reconnections } = await supervise(t)
  const LOADING = failures.look = new Error('LOADING Redis is loading the dataset in memory')
  await fail(LOADING)
  await clock.advance(1000)
  t.equal(reconnections(), 0)
  t.hasStrict(log.lines, [{ message: 'Redis is away' }])
  await clock.advance(1000)
  t.equal(reconnections(), 1)
  t.hasStrict(log.lines[1], { message: 'this server of Redis takes no commands now', fields: { code: 'LOADING' } })
  delete failures.look
  await clock.advance(3000)
  t.hasStrict(log.lines[2], { message: 'Redis is back' })
  failures.look = LOADING
  await fail(LOADING)
  t.hasStrict(log.lines[3], { message: 'Redis is away' }, 'it counts anew')
})

t.test('a refusal is told at once with its cure, then at most once a minute with a count', async t => {
  const { clock, log, fail, reconnections } = await supervise(t)
  const OOM = new Error("OOM command not allowed when used memory > 'maxmemory'.")
  await fail(OOM, 'streams.append')
  t.match(log.lines, [{
    level: 'error',
    message: 'Redis refuses a command',
    fields: {
      operation: 'streams.append', code: 'OOM', reason: OOM.message, cure: /maxmemory/
    }
  }])
  for (let second = 0; second < 60; second++) {
    await fail(OOM, 'streams.append')
    await fail(OOM, 'streams.end')
    await clock.advance(1000)
  }
  t.equal(log.lines.length, 1)
  await fail(OOM, 'streams.end')
  t.match(log.lines[1], {
    level: 'error',
    message: 'Redis still refuses commands',
    fields: {
      count: 121, operations: ['streams.append', 'streams.end'], code: 'OOM', cure: /maxmemory/
    }
  })
  await fail(new Error('NOPERM no'))
  t.hasStrict(log.lines[2], { message: 'Redis refuses a command', fields: { code: 'NOPERM' } }, 'another refusal is told at once')
  t.equal(reconnections(), 0)
  t.equal(clock.pending, 0)
})

t.test('a server that refuses again is there again', async t => {
  const { clock, lines, failures, fail } = await supervise(t)
  failures.look = new Error('OOM command not allowed')
  await fail(RESET)
  await clock.advance(2000)
  t.strictSame(lines(), ['error: Redis is away', 'error: Redis refuses a command', 'info: Redis is back'])
})

t.test('a connection that is lost before the first command is an outage, and no secret is told', async t => {
  const { clock, log, events } = await supervise(t, { secrets: ['pass"wörd'] })
  events.lost(new Error(`${JSON.stringify({ password: 'pass"wörd' })} redis://user:pass"wörd@host`))
  t.equal(log.lines.length, 1)
  t.notMatch(JSON.stringify(log.lines), /wörd/)
  events.stands()
  await idle()
  await clock.advance(3000)
  t.hasStrict(log.lines[1], { message: 'Redis is back' })
  events.lost(new Error('WRONGPASS invalid username-password pair or user is disabled.'))
  t.match(log.lines[2], { message: 'Redis is away', fields: { operation: 'connect', cure: /REDIS_URL/ } })
})

t.test('a server that was not there before is a disruption, unless it does not say which it is', async t => {
  let info: string | Error = 'redis_version:7.0.15\r\nrun_id:abc\r\n'
  const asked: unknown[] = []
  const { clock, connection, log } = await supervise(t, {
    connect: async () => ({
      async command (args, key) {
        asked.push([args.join(' '), key])
        if (info instanceof Error) throw info
        return info
      },
      async close () {}
    })
  })
  const look = async (): Promise<boolean> => {
    await connection.checkServer?.('mine:s:{1}')
    return connection.lastDisruptionAt?.() === clock.now()
  }
  t.notOk(await look(), 'it is the first')
  t.notOk(await look())
  info = 'run_id:def\r\n'
  t.ok(await look())
  await clock.advance(1000)
  t.notOk(await look(), 'it is known by now')
  info = 'run_id:abc\r\n'
  t.notOk(await look(), 'of several nodes each is known')
  for (const nothing of ['', new Error('NOPERM'), RESET]) {
    info = nothing
    t.notOk(await look())
  }
  t.strictSame([...new Set(asked.map(String))], ['INFO server,mine:s:{1}'])
  t.strictSame(log.lines, [], 'nobody is told that it was refused')
})

t.test('what fails as the connection is closed is not told, and nobody looks for it', async t => {
  const { clock, log, failures, connection, events, fail } = await supervise(t)
  failures.look = RESET
  failures.ours = RESET
  const asked = connection.command(['GET', 'k'])
  await t.rejects(asked)
  await connection.close()
  await idle()
  events.lost(RESET)
  await fail(RESET)
  await idle()
  t.equal(clock.pending, 0)
  t.strictSame(log.lines.map(({ message }) => message), ['Redis is away'])
})

t.test('a server that is away from the first moment is looked for, too', async t => {
  const clock = createManualClock()
  const log = createLog()
  const connection = await superviseRedis({
    clock,
    log,
    prefix: 'mine:',
    wrongServerCure: '',
    async connect (events) {
      events.lost(RESET)
      await new Promise(resolve => setImmediate(resolve))
      return { async command () { return 'OK' }, lastDisruptionAt: () => 1, async close () {} }
    }
  })
  t.equal(log.lines.length, 1)
  await clock.advance(3000)
  t.hasStrict(log.lines[1], { message: 'Redis is back' })
  t.ok(connection.lastDisruptionAt?.() as number > 1)
  await connection.close()
})

t.test('commands and outages are told to who listens', async t => {
  const told = listen(t, ['store'])
  const { clock, connection, fail, failures } = await supervise(t, { instance: 'i' })
  const ends = () => told.splice(0).filter(({ event }) => event === 'asyncEnd' || event === 'error')
    .map(({ event, fields: { instance, kind, operation, outcome } }) => [event, instance, kind, operation, outcome])
  await connection.command(['GET', 'k'], 'k')
  t.strictSame(ends(), [['asyncEnd', 'i', 'command', 'GET', 'answered']])
  await fail(new Error('NOSCRIPT No matching script.'))
  t.strictSame(ends(), [['asyncEnd', 'i', 'command', 'streams.read', 'answered']])
  await fail(new Error('OOM command not allowed'))
  t.strictSame(ends(), [['error', 'i', 'command', 'streams.read', 'refused'], ['asyncEnd', 'i', 'command', 'streams.read', 'refused']])
  failures.look = RESET
  const failed = fail(RESET)
  await idle()
  await clock.advance(600)
  await failed
  t.strictSame(ends(), [['error', 'i', 'command', 'streams.read', 'away'], ['asyncEnd', 'i', 'command', 'streams.read', 'away']])
  delete failures.look
  await clock.advance(5000)
  t.strictSame(ends(), [['error', 'i', 'outage', 'streams.read', 'away'], ['asyncEnd', 'i', 'outage', 'streams.read', 'away']])
})
