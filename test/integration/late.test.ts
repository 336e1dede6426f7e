import t from 'tap'
import { loadTexts } from '../../lib/texts/texts.ts'
import { cards } from '../../plugins/index.ts'
import type { FinishEvent } from '../../plugins/index.ts'
import { rejects, RESPONSE_SECRET, startActiveReplyServer } from '../fixtures/active-reply-server.ts'
import { createManualClock } from '../fixtures/clock.ts'
import { chunk, DONE, finish, sse } from '../fixtures/provider.ts'
import { serveBot } from '../fixtures/served-bot.ts'
import { createHandSource } from '../fixtures/sources.ts'

const texts = loadTexts()
const headOf = (bubble: string): string => bubble.slice(0, bubble.indexOf(`\n\n${texts.later}`))

t.test('a model that writes more than a bubble holds has it all delivered', async t => {
  const server = await startActiveReplyServer()
  t.teardown(() => server.close())
  const { wecom, provider, log } = await serveBot(t, { activeReply: server.trust })
  const line = '事不过三 0123456789 😀\n'
  const answer = line.repeat(Math.ceil(35_000 / Buffer.byteLength(line)))
  provider.respondWith(sse(...answer.match(/[^]{1,500}/gu)?.map(part => chunk(part)) ?? [], finish('stop'), DONE))
  const { content, problems } = await wecom.send('tell me all', { responseUrl: server.url() })
  t.strictSame(problems, [])
  const { body } = await server.call(0)
  t.equal(headOf(content) + body.markdown.content, answer)
  t.equal(body.msgtype, 'markdown')
  t.notMatch(log(), new RegExp(`${RESPONSE_SECRET}|事不过三|tell me all`))

  provider.respondWith(sse(chunk('short'), finish('stop'), DONE))
  t.equal((await wecom.send('and now?', { responseUrl: server.url() })).content, 'short')
  t.equal(server.requests, 1, 'what fits is not sent')
})

t.test('a response_url of another host is not called, and the notice says how much is missing', async t => {
  const server = await startActiveReplyServer()
  t.teardown(() => server.close())
  const { wecom, provider } = await serveBot(t)
  provider.respondWith(sse(chunk('x'.repeat(30_000)), finish('stop'), DONE))
  const { content } = await wecom.send('tell me all', { responseUrl: server.url() })
  t.match(content, /^x+\n\n（内容过长，还有 \d+ 字节未显示）$/)
  t.equal(server.connections, 0)
})

t.test('an answer that takes longer than the window of WeCom arrives all the same, once, with an end of its bubble in time', async t => {
  const server = await startActiveReplyServer()
  t.teardown(() => server.close())
  const clock = createManualClock(Date.now())
  const hand = createHandSource()
  let started = (): void => {}
  let tell = (_finish: FinishEvent): void => {}
  const finished = new Promise<FinishEvent>(resolve => { tell = resolve })
  const { wecom } = await serveBot(t, {
    source: (...given) => {
      started(); return hand.source(
        ...given
      )
    },
    clock,
    activeReply: server.trust,
    timestampWindowMs: 3_600_000,
    idleTimeoutMs: 900_000,
    onFinish: finish => tell(finish)
  })
  const responseUrl = server.url()
  const transcript = wecom.send('slow', { responseUrl, late: 2 })
  await new Promise<void>(resolve => { started = resolve })
  await hand.call().push('```js\nlet a = 1\n')
  await clock.advance(330_000)
  const { content, finished: isOver, problems } = await transcript
  t.equal(isOver, true)
  // The clock of WeCom has not been moved.
  t.strictSame(problems.filter(problem => !problem.includes('the timestamp is more than 60 s away')), [])
  t.equal(content, `\`\`\`js\nlet a = 1\n\n\`\`\`\n\n${texts.later}`)
  t.equal(hand.call().context.signal.aborted, false)
  await clock.advance(400_000)
  await hand.call().push('let b = 2\n```')
  await hand.call().push(
    { type: 'card', card: cards.textNotice({ main_title: { title: 'x' }, card_action: { type: 1, url: 'https://example.com' } }) }
  )
  await hand.call().end()
  const { body, url } = await server.call(0)
  t.equal(url, responseUrl)
  t.equal(body.markdown.content, `\`\`\`js\nlet b = 2\n\`\`\`\n\n${texts.tooLate}`)
  t.hasStrict(await finished, { delivery: 'delivered', durationMs: 730_000 })
  t.equal(server.requests, 1)
})

t.test('a delivery that WeCom rejects is told in the log and not tried again', async t => {
  const server = await startActiveReplyServer()
  t.teardown(() => server.close())
  server.answer(rejects(40_001))
  let tell = (_finish: FinishEvent): void => {}
  const finished = new Promise<FinishEvent>(resolve => { tell = resolve })
  const { wecom, provider, log } = await serveBot(t, { activeReply: server.trust, onFinish: finish => tell(finish) })
  provider.respondWith(sse(chunk('x'.repeat(30_000)), finish('stop'), DONE))
  await wecom.send('tell me all', { responseUrl: server.url() })
  t.hasStrict(await finished, { delivery: 'failed', state: { status: 'done', cursor: 30_000 } })
  t.equal(server.requests, 1)
  t.match(log(), /"errcode":40001/)
  t.notMatch(log(), new RegExp(`${RESPONSE_SECRET}|xxx`))
})
