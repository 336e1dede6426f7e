import { readFileSync } from 'node:fs'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { createLoopback } from '../../lib/outbound/loopback.ts'
import { EXAMPLES } from '../../lib/playground/examples.ts'
import type { Clock } from '../../lib/util/clock.ts'
import wecomStream, { cards } from '../../plugins/index.ts'
import type { ReplyPart, Turn, WecomStreamOptions } from '../../plugins/index.ts'
import playground from '../../plugins/playground.ts'
import { kLoopback } from '../../plugins/streams.ts'

export const CREDENTIALS = { token: 'the-token', encodingAESKey: 'kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR' }

export const HOSTILE = [
  '<script>window.harmed = 1</script>', '<img src=x onerror="window.harmed = 2">', '[click](javascript:window.harmed=3)',
  '<svg onload="window.harmed = 4"><a href="javascript:window.harmed=5">x</a></svg>', '![far](https://far.example/x.png)',
  '<iframe src="https://far.example/"></iframe>', '<style>body { display: none }</style>', '[data](data:text/html,x)',
  // 10,000 cells, which fit into a bubble.
  `|${'a|'.repeat(100)}\n|${'-|'.repeat(100)}\n${`|${'b||'.repeat(50)}\n`.repeat(99)}`, '```js\nconst unclosed = 1'
].join('\n\n')

const RICH = `## Weekly report

Sales rose by **12 %**, see the [dashboard](https://example.com/board).

| Region | Orders | Change |
|---|---|---|
| North | 1,204 | +8 % |
| South | 2,310 | +14 % |

1. Refill the stock of *green tea*
2. Call the three late customers

\`\`\`js
const total = orders.reduce((sum, { price }) => sum + price, 0)
console.log(total) // 3514
\`\`\``

const PNG = readFileSync(new URL('picture.png', import.meta.url))
const sleep = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** Answers by the word that it is told. */
async function * answer ({ prompt, attachments = [] }: Turn, { signal }: { signal: AbortSignal }): AsyncGenerator<string | ReplyPart> {
  if (attachments.length > 0) yield `I got ${attachments.map(one => 'data' in one ? `${one.type} ${one.name}` : 'nothing').join(', ')}.`
  else if (prompt.startsWith('hostile')) yield HOSTILE
  else if (prompt.startsWith('think')) {
    yield { type: 'reasoning', text: 'The user wants me to think.' }
    yield 'I have thought.'
  } else if (prompt.startsWith('picture')) {
    yield 'Here it is.'
    yield { type: 'image', data: PNG }
  } else if (prompt.startsWith('card ')) {
    const card = EXAMPLES.find(({ name }) => name === prompt.slice(5))?.json
    const { task_id: _, ...fields } = card as { task_id?: string }
    yield { type: 'card', card: { ...fields, task_id: cards.taskId() } as never }
    yield 'A card.'
  } else if (prompt.startsWith('slow')) {
    for (let n = 0; n < 200 && !signal.aborted; n++) {
      yield `line ${n} `
      await sleep(50)
    }
  } else if (prompt.startsWith('grow')) {
    for (let n = 0; n < 40; n++) {
      yield `${`**${n}** some text with \`code\` `.repeat(17)}\n\n`
      await sleep(100)
    }
  } else if (prompt.startsWith('report')) {
    for (const piece of RICH.split(/(?<= )/)) {
      yield piece
      await sleep(1)
    }
  } else if (prompt.startsWith('long')) yield `${'long '.repeat(5000)}end`
  else yield `You said: ${prompt}`
}

export interface BotOptions {
  /** The time of the playground, which a test may let run faster. */
  clock?: Clock
  /** Other options of the bot. */
  wecom?: WecomStreamOptions
}

export async function startBot ({ clock, wecom }: BotOptions = {}): Promise<{ app: FastifyInstance, address: string }> {
  const app = Fastify({ forceCloseConnections: true })
  app.decorate(kLoopback, createLoopback())
  await app.register(wecomStream, {
    ...CREDENTIALS,
    env: {},
    botName: 'bot',
    source: answer,
    reasoning: 'show' as never,
    welcomeText: 'Hello! Ask me anything.',
    history: { turns: 0 },
    onFeedback () {},
    onCardEvent: ({ taskId, key }: any) => cards.updateTemplateCard(cards.done({ taskId, title: 'Thank you', choice: key })),
    ...wecom
  } as never)
  await app.register(playground, { ...CREDENTIALS, env: {}, print () {}, ...(clock !== undefined && { clock }) })
  await app.listen({ host: '127.0.0.1', port: 0 })
  return { app, address: app.playgroundAddress?.() as string }
}
