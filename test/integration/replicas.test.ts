import t from 'tap'
import type { Test } from 'tap'
import { loadTexts } from '../../lib/texts/texts.ts'
import type { Transcript } from '../../plugins/testing.ts'
import { startActiveReplyServer } from '../fixtures/active-reply-server.ts'
import { model, promptOf, words } from '../fixtures/model.ts'
import { createProvider } from '../fixtures/provider.ts'
import { openRedis } from '../fixtures/redis.ts'
import { replicaOf, SECRETS, startBalancer, startReplica, valueOf, wecomAt } from '../fixtures/replicas.ts'
import type { Replica, StartOptions } from '../fixtures/replicas.ts'
import { until } from '../fixtures/waiting.ts'

const texts = loadTexts()
const LONG = process.env['FAULTS'] === 'long'
const DUPLICATES = 60
const PER_MINUTE = 5

t.setTimeout(120_000)

const redis = await openRedis(t)
if (redis !== undefined) {
  const provider = await createProvider()
  provider.respondWith(model)
  t.teardown(() => provider.close())
  const active = await startActiveReplyServer()
  t.teardown(() => active.close())
  const common: StartOptions = {
    // A machine that is busy with other tests is no fault to be told of.
    redis: { url: redis.url, prefix: redis.newPrefix(), commandTimeoutMs: 3000 },
    providerUrl: provider.url,
    access: { messagesPerMinute: PER_MINUTE },
    activeReply: { ca: active.trust.ca, allowedHosts: active.trust.allowedHosts }
  }
  const start = (name: string): Promise<Replica> => startReplica(t, name, common)
  const callsFor = (prompt: string) => provider.requests.filter(request => promptOf(request) === prompt)

  /** What stands in a transcript whatever its timing was. */
  const essence = ({ content, finished, problems }: Transcript) => ({ content, finished, problems })

  /** All conversations with a group of replicas. Nothing in what it gives may depend on how many they are. */
  async function converse (t: Test, group: readonly Replica[]) {
    const balancer = await startBalancer(t, () => group)
    const wecom = wecomAt(balancer.callback, { refreshMs: 50 })
    const name = `group of ${group.length}`
    const ownerOf = async (prompt: string): Promise<Replica> => {
      await until(() => callsFor(prompt).length > 0, 60_000)
      return group.find(replica => replica.name === replicaOf(callsFor(prompt)[0] as { headers: {} })) as Replica
    }
    const anotherThan = (owner: Replica): Replica => group.find(replica => replica !== owner) ?? owner
    const say = async (user: string, text: string, options = {}) =>
      essence(await wecom.send(text, { user: `${user} of the ${name}`, ...options }))

    const flows = {
      plain: () => say('plain', `20 words every 10 ms, ${name}`),
      long: () => say('long', `1500 words every 0 ms, ${name}`),
      async stopped () {
        const prompt = `1000 words every 20 ms, ${name}`
        const asked = say('stopper', prompt)
        const owner = await ownerOf(prompt)
        const call = callsFor(prompt)[0]
        await new Promise(resolve => setTimeout(resolve, 300))
        const stoppedAt = Date.now()
        const [command, tookMs] = await Promise.all([
          wecomAt(anotherThan(owner).callback).send('/stop', { user: `stopper of the ${name}` }),
          call?.closed.then(() => Date.now() - stoppedAt) ?? Infinity
        ])
        // Within a second, and five on a machine that is busy: without a stop it would be twenty.
        t.ok(tookMs <= 5000, `the model is left: ${tookMs} ms`)
        const { content, finished, problems } = await asked
        return { command: essence(command), finished, problems, isHead: content.length > 10 && words(1000).startsWith(content) }
      },
      async anew () {
        const said = [await say('new', 'one'), await say('new', 'two'), await say('new', '/new'), await say('new', 'three')]
        return said
      },
      async inOrder () {
        const prompts = [1, 2, 3].map(index => `15 words every 20 ms, message ${index} to the ${name}`)
        const asked: Array<Promise<unknown>> = []
        for (const prompt of prompts) {
          let isTaken = (): void => {}
          const taken = new Promise<void>(resolve => { isTaken = resolve })
          asked.push(say('order', prompt, { onFrame: () => isTaken() }))
          await taken
        }
        const said = await Promise.all(asked)
        const calls = prompts.map(prompt => callsFor(prompt).map(({ body }) => body.messages.length))
        return { said, calls }
      },
      async duplicates () {
        const repeat = LONG && group.length === 3 ? 1000 : DUPLICATES
        const prompt = `10 words every 10 ms, ${repeat} times to the ${name}`
        const said = await say('double', prompt, { repeat })
        return { said, calls: callsFor(prompt).length }
      },
      async limited () {
        const said = []
        for (let index = 0; index <= PER_MINUTE; index++) said.push(await say('eager', 'again'))
        return said
      },
      async followed () {
        const prompt = `30 words every 30 ms, to be followed in the ${name}`
        let id = ''
        const asked = say('followed', prompt, { onFrame: (frame: { reply: any }) => { id = frame.reply.stream.id } })
        const owner = await ownerOf(prompt)
        await until(() => id !== '', 60_000)
        const states = await (await fetch(`${anotherThan(owner).url}/states/${id}`)).json() as Array<{ content: string }>
        t.ok(states.length > 2, 'it is seen to grow')
        return {
          said: await asked,
          last: states.at(-1),
          grows: states.every(
            ({ content }, index) => content.startsWith(states[index - 1]?.content ?? '')
          )
        }
      },
      async rated () {
        const prompt = `5 words every 10 ms, to be rated in the ${name}`
        let id = ''
        await say('rater', prompt, { onFrame: (frame: { reply: any }) => { id = frame.reply.stream.feedback?.id ?? id } })
        const other = anotherThan(await ownerOf(prompt))
        await wecomAt(other.callback).post({
          msgid: `vote ${name}`,
          aibotid: 'simulated-bot',
          from: { userid: 'someone' },
          msgtype: 'event',
          event: {
            eventtype: 'feedback_event', feedback_event: { id, type: 1 }
          }
        })
        await until(() => other.told.some(message => message.told === 'feedback' && message.streamId === id), 60_000)
        return other.told.flatMap(
          message => message.told === 'feedback' && message.streamId === id ? [message.sender?.replace(name, 'group')] : []
        )
      },
      async late () {
        const prompt = `4000 words every 0 ms, ${name}`
        const url = active.url()
        const said = await say('late', prompt, { repeat: 3, responseUrl: url })
        await until(() => active.calls.some(call => call.url === url), 60_000)
        const calls = active.calls.filter(call => call.url === url)
        const head = said.content.slice(0, said.content.indexOf(`\n\n${texts.later}`))
        return { said, calls: calls.length, isWhole: head + calls[0]?.body.markdown.content === words(4000) }
      }
    }
    const { duplicates, stopped, ...others } = flows
    const given = await Promise.all(Object.entries(others).map(async ([flow, run]) => [flow, await run()] as const))
    // One by one: a flood, and what has its time taken.
    const all = { ...Object.fromEntries(given), duplicates: await duplicates(), stopped: await stopped() }
    t.strictSame(balancer.failures, [])
    return all as unknown as { [Flow in keyof typeof flows]: Awaited<ReturnType<(typeof flows)[Flow]>> }
  }

  const replicas = await Promise.all(['a', 'b', 'c'].map(start))
  let single: Awaited<ReturnType<typeof converse>>

  t.test('one replica answers as it should', { timeout: 30_000 }, async t => {
    single = await converse(t, replicas.slice(0, 1))
    const whole = (content: string) => ({ content, finished: true, problems: [] })
    t.strictSame(single.plain, whole(words(20)))
    t.strictSame(single.long, whole(words(1500)))
    t.strictSame(single.stopped, { command: whole(texts.stopDone), finished: true, problems: [], isHead: true })
    t.strictSame(single.anew, [whole('1 messages'), whole('3 messages'), whole(texts.newDone), whole('1 messages')])
    t.strictSame(single.inOrder, { said: [1, 2, 3].map(() => whole(words(15))), calls: [[1], [3], [5]] })
    t.strictSame(single.duplicates, { said: whole(words(10)), calls: 1 })
    t.strictSame(single.limited.slice(-2), [whole(`${2 * PER_MINUTE - 1} messages`), whole(texts.limited)])
    t.hasStrict(single.followed, { said: whole(words(30)), last: { status: 'done', content: words(30) }, grows: true })
    t.strictSame(single.rated, ['rater of the group'])
    t.hasStrict(single.late, { calls: 1, isWhole: true, said: { finished: true } })
    t.strictSame(single.late.said.problems, [])
  })

  for (const count of [2, 3]) {
    t.test(`${count} replicas answer as one does`, { timeout: 30_000 }, async t => {
      t.strictSame(await converse(t, replicas.slice(0, count)), single)
      const busy = new Set(provider.requests.filter(request => promptOf(request).includes(`group of ${count}`)).map(replicaOf))
      t.equal(busy.size, count, 'all of them had something to do')
    })
  }

  t.test('no key holds a secret', async t => {
    const keys = await redis.keys(common.redis.prefix)
    t.ok(keys.length > 0)
    for (const key of keys) {
      const value = await valueOf(redis.connection, key)
      for (const secret of SECRETS) if (value.includes(secret)) t.fail(`${key} holds ${secret}`)
    }
  })
  redis.everyKeyExpires()
}
