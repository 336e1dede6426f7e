import assert from 'node:assert/strict'
import { test } from 'node:test'
import { open, until } from './page.ts'

const CONVERSATIONS = 50
const MAX_TASK_MS = 500

test('no task of the page is long while 50 conversations of 20 KB grow', async t => {
  const { page, call, trouble } = await open(t, { shipped: true, refreshMs: 1000 })
  await page.evaluate(() => {
    const tasks: number[] = []
    Object.assign(window, { tasks })
    new PerformanceObserver(list => tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ entryTypes: ['longtask'] })
  })
  const made: string[] = []
  for (let n = 0; n < CONVERSATIONS; n++) {
    const user = `user${n}`
    const { id } = await call('create', { kind: 'single', name: user, members: [user] })
    made.push(id)
    await call('send', { conversation: id, user, message: { msgtype: 'text', text: { content: 'grow' } }, files: [] })
  }
  await page.getByRole('navigation').locator('.item').first().click()
  await page.locator('article.bot').waitFor()
  await page.getByRole('navigation').locator('.item').nth(25).click()
  const answers = page.locator('.chat article.bot')
  await answers.first().waitFor()
  const patience = performance.now() + 60_000
  for (const id of made) {
    for (;;) {
      const { entries } = await call('record', { conversation: id })
      const answer = entries.find(({ kind }: any) => kind === 'bot')
      if (answer?.running === false) {
        // A bubble takes no more; the rest follows by itself.
        assert.equal(answer.content.length > 19_000, true, `${answer.content.length} characters`)
        break
      }
      if (performance.now() > patience) throw new Error('they grow too long')
      await new Promise(resolve => setTimeout(resolve, 200))
    }
  }
  await until('the end is shown', async () => (await answers.last().innerText()).includes('39 some text'))
  const tasks = await page.evaluate(() => (window as unknown as { tasks: number[] }).tasks)
  const longest = Math.max(0, ...tasks)
  t.diagnostic(`the longest task of the page took ${longest > 0 ? Math.round(longest) : 'less than 50'} ms, of ${tasks.length} above 50 ms`)
  assert.equal(longest <= MAX_TASK_MS, true, `${longest} ms`)
  assert.deepEqual(trouble, [])
})
