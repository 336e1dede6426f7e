import { randomInt } from 'node:crypto'
import t from 'tap'
import { loadTexts } from '../../lib/texts/texts.ts'
import type { Transcript, TranscriptFrame } from '../../plugins/testing.ts'
import { model, promptOf, words } from '../fixtures/model.ts'
import { createProvider } from '../fixtures/provider.ts'
import { openRedis } from '../fixtures/redis.ts'
import { replicaOf, SECRETS, startBalancer, startReplica, valueOf, wecomAt } from '../fixtures/replicas.ts'
import type { Replica, StartOptions } from '../fixtures/replicas.ts'
import { until } from '../fixtures/waiting.ts'

const texts = loadTexts()
const LONG = process.env['FAULTS'] === 'long'
const ROUNDS = LONG ? 10 : 1
const KILLS = 5
const STREAMS = 20
const WORDS = LONG ? 80 : 50
const FROZEN_MS = LONG ? 20_000 : 8000
/** A machine that starts processes has no time for anything else. */
const PATIENCE_MS = 60_000
/** What holds on a machine of one's own is tried by hand; elsewhere it may take five times as long. */
const busy = LONG ? 1 : 5
/** A refresh comes each second, and a lease lasts five. */
const OWNERLESS_MS = 7000
/** From `/stop` to the end of the answer of a replica that is gone. */
const STOPPED_MS = 4000
/** What was handed over is adopted with the next refresh. */
const HANDED_OVER_MS = 4000
const LEFT_MS = 3000

t.setTimeout(LONG ? 900_000 : 180_000)
// Each has replicas of its own, and waits most of the time.
t.jobs = 5

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

const redis = await openRedis(t)
if (redis !== undefined) {
  const provider = await createProvider()
  provider.respondWith(model)
  t.teardown(() => provider.close())
  const callTimes = new Map<unknown, number>()
  const callsFor = (prompt: string) => provider.requests.filter(request => promptOf(request) === prompt)
  const prefix = redis.newPrefix()
  // A machine that is busy with other tests is no fault to be told of.
  const options: StartOptions = { redis: { url: redis.url, prefix, commandTimeoutMs: 2000 }, providerUrl: provider.url }
  const start = async (name: string, more: Partial<StartOptions> = {}): Promise<Replica> => {
    const replica = await startReplica(t, name, { ...options, ...more })
    // What runs for the first time is slow.
    await wecomAt(replica.callback, { refreshMs: 50 }).send('1 words every 1 ms, to warm up', { user: name })
    return replica
  }

  // When a request to the model came.
  const clock = setInterval(() => {
    for (const request of provider.requests) if (!callTimes.has(request)) callTimes.set(request, Date.now())
  }, 5)
  t.teardown(() => clearInterval(clock))

  const isPlaceholder = ({ content }: TranscriptFrame): boolean => Object.values(texts).includes(content)

  /** What a user may see of a stream that was begun anew: never nothing again, and one beginning anew. */
  function look ({ frames, problems }: Transcript): { blanks: number, restarts: number, problems: string[] } {
    const shown = frames.slice(frames.findIndex(frame => !isPlaceholder(frame)))
    return {
      blanks: shown.filter(frame => isPlaceholder(frame) || frame.content.trim() === '').length,
      restarts: shown.filter(({ content }, index) => !content.startsWith(shown[index - 1]?.content ?? '')).length,
      problems: problems.filter(problem => !problem.includes('the text does not start with that of frame'))
    }
  }

  async function firstCall (prompt: string) {
    await until(() => callsFor(prompt).length > 0, PATIENCE_MS)
    return callsFor(prompt)[0] as ReturnType<typeof callsFor>[number]
  }

  const group = (...names: string[]): Promise<Replica[]> => Promise.all(names.map(name => start(name)))
  const victimsOf = (round: number): Promise<Replica[]> =>
    group(...Array.from({ length: KILLS }, (_, index) => `victim-${round}-${index}`))
  // A machine that starts processes has no time for anything else.
  const [survivors, firstVictims, [dying, frozen, leaving, next], finishing] = await Promise.all([
    group('x', 'y', 'z'),
    victimsOf(0),
    group('dies', 'freezes', 'leaving', 'next') as Promise<[Replica, Replica, Replica, Replica]>,
    start('finishing', { onOwnerLost: 'finish' })
  ])
  const [last] = survivors as [Replica]

  t.test(`${ROUNDS * KILLS} owners are killed while ${STREAMS} streams run`, { timeout: LONG ? 600_000 : 90_000 }, async t => {
    let worstMs = 0
    let lost = 0
    for (let round = 0; round < ROUNDS; round++) {
      const victims = round === 0 ? firstVictims : await victimsOf(round)
      const all = [...victims, ...survivors]
      const balancer = await startBalancer(t, () => all)
      const wecom = wecomAt(balancer.callback)

      const prompts = Array.from({ length: STREAMS }, (_, index) => `${WORDS} words every 50 ms, stream ${index} of round ${round}`)
      const asked = prompts.map(async (prompt, index) => {
        await pause(index * 50)
        return await wecom.send(prompt, { user: `user ${index}`, late: 1 })
      })
      // None of those that take over is killed: the death of a second owner is another matter.
      const killed = victims.map(async victim => {
        await pause(randomInt(300, WORDS * 50))
        victim.kill('SIGKILL')
      })
      const transcripts = await Promise.all(asked)
      await Promise.all(killed)

      for (const [index, transcript] of transcripts.entries()) {
        const prompt = prompts[index] as string
        const { blanks, restarts, problems } = look(transcript)
        const calls = callsFor(prompt)
        const told = `${prompt}: ${calls.map(replicaOf)}`
        if (transcript.content !== words(WORDS)) t.fail(`${told} has no whole answer`, { transcript: transcript.content })
        if (blanks > 0 || restarts > 1 || calls.length > 2 || problems.length > 0) {
          t.fail(`${told} is seen to break`, { blanks, restarts, calls: calls.length, problems })
        }
        if (calls.length === 1) continue
        lost++
        const owner = victims.find(victim => victim.name === replicaOf(calls[0] as { headers: {} }))
        const ownerlessMs = (callTimes.get(calls[1]) ?? Infinity) - (owner?.killedAt ?? -Infinity)
        worstMs = Math.max(worstMs, ownerlessMs)
      }
      t.strictSame(balancer.failures, [])
    }
    t.comment(`${lost} streams lost their owner, for ${worstMs} ms at most`)
    t.ok(lost > 0, 'streams were hit')
    t.ok(worstMs <= busy * OWNERLESS_MS, `none was without an owner for longer than ${OWNERLESS_MS} ms: ${worstMs} ms`)
  })

  const left = '1000 words every 50 ms, and then its owner dies'
  const stopped = '1000 words every 50 ms, and then its owner dies and its user says /stop'

  /** Two users see text of an owner that dies then. */
  async function askTheDying (): Promise<[Transcript, Transcript]> {
    const wecom = wecomAt(dying.callback, { timeoutMs: 1000 })
    const seen = await Promise.all([
      wecom.send(left, { signal: AbortSignal.timeout(2000) }), wecom.send(stopped, { user: 'stops', signal: AbortSignal.timeout(2000) })
    ])
    dying.kill('SIGKILL')
    return seen
  }
  const orphans = askTheDying()

  t.test('a setting ends the streams of an owner that has died with a notice', { timeout: 60_000 }, async t => {
    const { callback } = await startBalancer(t, () => [finishing])
    const [{ id, content: before }] = await orphans
    const seen = await refreshUntilEnd(callback, id)
    t.ok(seen.startsWith(before) && seen.includes(texts.failures.BROKEN), seen.slice(-100))
    t.equal(callsFor(left).length, 1)
  })

  t.test('a stop after the death of an owner ends its stream within four seconds', { timeout: 60_000 }, async t => {
    const { callback } = await startBalancer(t, () => survivors)
    const [, { id, content: before }] = await orphans
    const stoppedAt = Date.now()
    await wecomAt(callback).send('/stop', { user: 'stops' })
    const seen = await refreshUntilEnd(callback, id, 'stops')
    t.ok(Date.now() - stoppedAt < busy * STOPPED_MS, `ended after ${Date.now() - stoppedAt} ms`)
    t.ok(seen.startsWith(before) && seen.includes('w1 '), seen.slice(-100))
    t.equal(callsFor(stopped).length, 1)
    const next = await wecomAt(callback).send('hello', { user: 'stops' })
    t.ok(next.content.endsWith('messages'), `its place is free: ${next.content}`)
  })

  /** The last frame of a stream. */
  async function refreshUntilEnd (callback: string, id: string, user = 'simulated-user'): Promise<string> {
    const wecom = wecomAt(callback)
    for (;;) {
      const { reply } = await wecom.post({
        msgid: String(randomInt(1e12)),
        aibotid: 'simulated-bot',
        chattype: 'single',
        from: { userid: user },
        msgtype: 'stream',
        stream: { id }
      })
      const stream = reply?.['stream'] as { finish: boolean, content: string } | undefined
      if (stream?.finish === true) return stream.content
      await pause(500)
    }
  }

  t.test('an owner that stood still finds its streams taken, and leaves its model', { timeout: 90_000 }, async t => {
    let all = [frozen]
    const balancer = await startBalancer(t, () => all)
    const wecom = wecomAt(balancer.callback)
    const length = LONG ? 600 : 100
    const prompts = Array.from({ length: 5 }, (_, index) => `${length} words every 50 ms, frozen ${index}`)
    const asked = prompts.map((prompt, index) => wecom.send(prompt, { user: `frozen ${index}`, late: 2 }))
    const calls = await Promise.all(prompts.map(firstCall))
    // Before the first refresh, which would have nobody else to go to.
    all = [frozen, ...survivors]
    await pause(1000)
    frozen.kill('SIGSTOP')
    await pause(FROZEN_MS)
    t.equal(frozen.lines.filter(({ msg }) => msg.includes('lost to another owner')).length, 0)
    frozen.kill('SIGCONT')
    const wokenAt = Date.now()
    await Promise.all(calls.map(call => call.closed))
    t.ok(Date.now() - wokenAt < busy * LEFT_MS, `the models are left after ${Date.now() - wokenAt} ms`)
    for (const transcript of await Promise.all(asked)) {
      const { blanks, restarts, problems } = look(transcript)
      t.equal(transcript.content, words(length))
      t.strictSame({ blanks, problems }, { blanks: 0, problems: [] })
      // Where the second text had overtaken the first before it was seen, none was.
      t.ok(restarts <= 1)
    }
    t.strictSame(prompts.map(prompt => callsFor(prompt).length), prompts.map(() => 2))
    t.equal(frozen.lines.filter(({ msg }) => msg.includes('lost to another owner')).length, prompts.length)
    t.strictSame(balancer.failures, [])
  })

  t.test('a replica that goes hands its streams over; the death of the next owner ends them with a notice', {
    timeout: 90_000
  }, async t => {
    const group = [leaving]
    const balancer = await startBalancer(t, () => group)
    const wecom = wecomAt(balancer.callback)
    const short = '80 words every 50 ms, handed over'
    const long = '1000 words every 50 ms, handed over'
    const asked = [wecom.send(short, { user: 'short' }), wecom.send(long, { user: 'long' })] as const
    await firstCall(long)
    await firstCall(short)
    group.push(next)
    await pause(1000)
    const goneAt = Date.now()
    leaving.kill('SIGTERM')
    t.equal(await leaving.ended, 0)
    await until(() => callsFor(short).length + callsFor(long).length === 4, PATIENCE_MS)
    t.ok(Date.now() - goneAt < busy * HANDED_OVER_MS, `taken over after ${Date.now() - goneAt} ms`)
    t.strictSame([short, long].map(prompt => replicaOf(callsFor(prompt)[1] as { headers: {} })), [next.name, next.name])
    // Long before the next one goes, whose last refresh would have nobody else to go to.
    group.push(last)
    const first = await asked[0]
    t.equal(first.content, words(80))
    t.strictSame([look(first).blanks, look(first).problems], [0, []])
    next.kill('SIGKILL')
    const second = await asked[1]
    t.ok(second.content.includes(texts.failures.BROKEN) && second.content.startsWith('w0 w1 '), second.content.slice(-100))
    t.strictSame([look(second).blanks, look(second).problems], [0, []])
    t.equal(callsFor(long).length, 2)
    t.strictSame(balancer.failures, [])
  })

  // Behind all of them.
  t.jobs = 1
  t.test('no key holds a secret', async t => {
    const { connection } = redis
    const keys = await redis.keys(prefix)
    t.ok(keys.length > STREAMS)
    for (const key of keys) {
      const value = await valueOf(connection, key)
      for (const secret of SECRETS) if (value.includes(secret)) t.fail(`${key} holds ${secret}`)
    }
  })
  redis.everyKeyExpires()
}
