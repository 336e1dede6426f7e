import { after, before } from 'node:test'
import type { TestContext } from 'node:test'
import type { Browser, Locator, Page } from 'playwright-core'
import { startBot } from './bot.ts'
import type { BotOptions } from './bot.ts'
import { launchBrowser } from './chromium.ts'
import { buildReadablePage, createCoverage } from './coverage.ts'

let browser: Browser
let source: string
let coverage: ReturnType<typeof createCoverage>

before(async () => {
  browser = await launchBrowser()
  source = await buildReadablePage()
  coverage = createCoverage(source)
})
after(async () => await browser.close())

export const coverageOfAll = (): ReturnType<ReturnType<typeof createCoverage>['files']> => coverage.files()

export interface OpenOptions extends BotOptions {
  width?: number
  height?: number
  locale?: string
  theme?: 'light' | 'dark'
  /** The page as it is shipped, in place of one whose lines can be counted. */
  shipped?: boolean
  /** Milliseconds from an answer to the next refresh; 1000 as in WeCom, if it is not to be short. */
  refreshMs?: number
}

export interface Opened {
  page: Page
  origin: string
  address: string
  app: Awaited<ReturnType<typeof startBot>>['app']
  /** Asks the server half, as the page does. */
  call (action: string, body?: object): Promise<any>
  /** Begins a conversation, and returns when one can write in it. */
  begin (kind?: 'single' | 'group'): Promise<void>
  /** Writes a message, and returns the answer's bubble. */
  say (text: string): Promise<Locator>
  /** The bubbles of the bot. */
  answers: Locator
  /** What the browser asked of anybody else, and what its policy kept it from. */
  trouble: string[]
}

/** A bot of its own with its playground, and a page of it, watched. */
export async function open (t: TestContext, options: OpenOptions = {}): Promise<Opened> {
  const { width = 1280, height = 800, locale = 'en-GB', theme = 'light', shipped = false, refreshMs = 100 } = options
  const { app, address } = await startBot(options)
  const { origin, hash } = new URL(address)
  const context = await browser.newContext({
    viewport: { width, height }, locale, colorScheme: theme, permissions: ['clipboard-read', 'clipboard-write'], acceptDownloads: true
  })
  const page = await context.newPage()
  // What tsx wraps functions in that are handed to the page.
  await page.addInitScript('globalThis.__name = one => one')
  page.setDefaultTimeout(10_000)
  const trouble: string[] = []
  page.on('request', request => { if (new URL(request.url()).origin !== origin && !/^(?:data|blob):/.test(request.url())) trouble.push(request.url()) })
  page.on('pageerror', error => trouble.push(String(error)))
  page.on('dialog', dialog => trouble.push(dialog.message()))
  page.on('popup', popup => trouble.push(`popup ${popup.url()}`))
  // Violations of the policy are errors of the console, too; so is a refusal of the server half, which the page tells by itself.
  page.on('console', message => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) trouble.push(message.text())
  })
  if (!shipped) {
    await page.route('**/app.js', async route => await route.fulfill({ response: await route.fetch(), body: source }))
    await coverage.start(page)
  }
  t.after(async () => {
    if (!shipped) await coverage.stop(page)
    await context.close()
    await app.close()
  })

  const call = async (action: string, body: object = {}): Promise<any> => await (await fetch(`${origin}/playground/api/${action}`, {
    method: 'POST',
    headers: { origin, 'x-playground-token': hash.slice(1), 'content-type': 'application/json' },
    body: JSON.stringify(body)
  })).json()
  await call('switches', { refreshMs })
  await page.goto(address)
  const message = page.locator('.composer textarea')
  const answers = page.locator('article.bot')
  return {
    page,
    origin,
    address,
    app,
    call,
    trouble,
    answers,
    async begin (kind = 'single') {
      await page.locator('.sidebar > .bar > button').nth(kind === 'single' ? 0 : 1).click()
      await message.waitFor()
    },
    async say (text) {
      const count = await answers.count()
      await message.fill(text)
      await message.press('Enter')
      const answer = answers.nth(count)
      await answer.waitFor()
      return answer
    }
  }
}

/** Waits until the bot has said all. */
export const isOver = async (answer: Locator): Promise<void> =>
  await answer.and(answer.page().locator('[aria-busy=false]')).waitFor()

export async function until (what: string, holds: () => Promise<unknown>): Promise<void> {
  const patience = performance.now() + 10_000
  while (!await holds()) {
    if (performance.now() > patience) throw new Error(`waited in vain until ${what}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
