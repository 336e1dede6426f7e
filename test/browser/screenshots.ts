import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { cards } from '../../plugins/index.ts'
import type { ReplyPart, Turn } from '../../plugins/index.ts'
import { startBot } from './bot.ts'
import { launchBrowser } from './chromium.ts'

// `npm run screenshots`: the pictures of the READMEs, of the page as it is built.

const FOLDER = join(import.meta.dirname, '../screenshots')
const MAX_BYTES = 150 * 1024

interface Scene {
  locale: string
  theme: 'light' | 'dark'
  question: string
  thinking: string
  answer: string
  request: string
  review: string
  done: string
  card: Record<string, unknown>
  approve: string
  running: string
  story: string
}

const ENGLISH: Scene = {
  locale: 'en-GB',
  theme: 'light',
  question: 'How did we do this week?',
  thinking: 'The user wants the figures of the week. I look them up, and say what is to be done.',
  answer: `Orders rose by **12 %**, see the [board](https://example.com/board).

| Region | Orders | Change |
|---|---|---|
| North | 1,204 | +8 % |
| South | 2,310 | +14 % |

1. Refill the stock of green tea
2. Call the three late customers

\`\`\`sql
select region, count(*) from orders
where week = 48 group by region
\`\`\``,
  request: 'I need three days off next week',
  review: 'Please look it over:',
  done: 'Sent to your manager',
  card: {
    main_title: { title: 'Three days of leave', desc: '7 to 9 December' },
    button_selection: {
      question_key: 'deputy',
      title: 'Deputy',
      option_list: [{ id: 'li', text: 'Li Si' }, { id: 'wang', text: 'Wang Wu' }],
      selected_id: 'li'
    },
    button_list: [{ text: 'Send', style: 1, key: 'send' }, { text: 'Discard', style: 2, key: 'discard' }]
  },
  approve: 'Send',
  running: 'Write a notice about the new canteen',
  story: 'Dear colleagues, the new canteen on the second floor opens on Monday. It serves noodles, rice and soup from 11:30 to 13:30, and '
}

const CHINESE: Scene = {
  locale: 'zh-CN',
  theme: 'dark',
  question: '本周业绩怎么样？',
  thinking: '用户想了解本周数据。先查询订单，再给出待办事项。',
  answer: `本周订单增长 **12 %**，详见[看板](https://example.com/board)。

| 区域 | 订单 | 变化 |
|---|---|---|
| 华北 | 1,204 | +8 % |
| 华南 | 2,310 | +14 % |

1. 补充绿茶库存
2. 致电三位逾期客户

\`\`\`sql
select region, count(*) from orders
where week = 48 group by region
\`\`\``,
  request: '下周我要请三天假',
  review: '请确认：',
  done: '已提交给你的主管',
  card: {
    main_title: { title: '请假三天', desc: '12 月 7 日至 9 日' },
    button_selection: {
      question_key: 'deputy', title: '代理人', option_list: [{ id: 'li', text: '李四' }, { id: 'wang', text: '王五' }], selected_id: 'li'
    },
    button_list: [{ text: '提交', style: 1, key: 'send' }, { text: '放弃', style: 2, key: 'discard' }]
  },
  approve: '提交',
  running: '写一份新食堂的通知',
  story: '各位同事：二楼新食堂将于下周一开业，供应面食、米饭和汤，营业时间为 11:30 至 13:30，'
}

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

const sourceOf = (scene: Scene) => async function * ({ prompt }: Turn): AsyncGenerator<string | ReplyPart> {
  if (prompt === scene.question) {
    yield { type: 'reasoning', text: scene.thinking }
    yield scene.answer
  } else if (prompt === scene.request) {
    yield { type: 'card', card: { card_type: 'button_interaction', ...scene.card, task_id: cards.taskId() } as never }
    yield scene.review
  } else {
    for (const piece of scene.story) {
      yield piece
      await pause(10)
    }
    await pause(20_000)
  }
}

async function take (page: Page, name: string): Promise<void> {
  // What moves is at rest in a picture.
  await page.emulateMedia({ reducedMotion: 'reduce' })
  await pause(300)
  const path = join(FOLDER, `${name}.png`)
  await page.screenshot({ path })
  const { size } = statSync(path)
  console.log(`${path}: ${Math.ceil(size / 1024)} KB`)
  if (size > MAX_BYTES) throw new Error(`${name} has ${size} bytes, at most ${MAX_BYTES} may be`)
}

async function play (scene: Scene, suffix: string): Promise<void> {
  const browser = await launchBrowser()
  const { app, address } = await startBot({
    wecom: {
      source: sourceOf(scene),
      language: scene.locale === 'zh-CN' ? 'zh-CN' : 'en',
      welcomeText: scene.locale.startsWith('zh') ? '你好！有什么可以帮你？' : 'Hello! What can I do for you?',
      onCardEvent: ({ taskId }: { taskId: string }) => cards.done({ taskId, title: scene.done, choice: scene.approve })
    } as never
  })
  const { origin, hash } = new URL(address)
  await fetch(`${origin}/playground/api/switches`, {
    method: 'POST',
    headers: { origin, 'x-playground-token': hash.slice(1), 'content-type': 'application/json' },
    body: '{"refreshMs":250}'
  })
  try {
    const context = await browser.newContext({ viewport: { width: 1200, height: 700 }, locale: scene.locale, colorScheme: scene.theme })
    const page = await context.newPage()
    await page.goto(address)
    const field = page.locator('.composer textarea')
    const say = async (text: string): Promise<void> => {
      await field.fill(text)
      await field.press('Enter')
      await page.locator('article.user', { hasText: text }).waitFor()
      await page.locator('article.bot .markdown .block').last().waitFor()
      await pause(1500)
    }
    await page.locator('.sidebar .bar > button').nth(1).click()
    await field.waitFor()
    await say(scene.question)
    await page.locator('.sidebar .bar > button').nth(0).click()
    await page.locator('article.bot').waitFor()
    await say(scene.question)
    await page.locator('button.exchange', { hasText: 'message' }).click()
    await page.locator('.detail').waitFor()
    await take(page, `answer${suffix}`)

    await page.locator('button.exchange', { hasText: 'message' }).click()
    await say(scene.request)
    await page.locator('.card').getByRole('button', { name: scene.approve }).waitFor()
    await page.getByRole('tab').nth(2).click()
    await say(scene.running)
    await take(page, `cards${suffix}`)

    await page.setViewportSize({ width: 390, height: 780 })
    await take(page, `phone${suffix}`)
  } finally {
    await browser.close()
    await app.close()
  }
}

mkdirSync(FOLDER, { recursive: true })
await play(ENGLISH, '')
await play(CHINESE, '.zh-CN')
