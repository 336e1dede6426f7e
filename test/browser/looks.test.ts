import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { isOver, open } from './page.ts'

/** Text that is hard to read: less contrast with what is behind it than WCAG 2 asks for (1.4.3, AA). */
const paleTexts = async (page: Page): Promise<string[]> => await page.evaluate(() => {
  const numbers = (colour: string): number[] => (colour.match(/[\d.]+/g) ?? []).map(Number)
  const luminance = ([r = 0, g = 0, b = 0]: number[]): number => {
    const [x = 0, y = 0, z = 0] = [r, g, b].map(value => value / 255)
      .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    return 0.2126 * x + 0.7152 * y + 0.0722 * z
  }
  const behind = (element: Element | null): number[] => {
    if (element === null) return [255, 255, 255]
    const colour = numbers(getComputedStyle(element).backgroundColor)
    return colour[3] === 0 ? behind(element.parentElement) : colour
  }
  const found = new Set<string>()
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (texts.nextNode() !== null) {
    const { parentElement: element, textContent } = texts.currentNode
    if (element === null || textContent?.trim() === '' || !element.checkVisibility()) continue
    if (element.closest(':disabled, .off') !== null) continue
    const { color, fontSize, fontWeight } = getComputedStyle(element)
    const [a = 0, b = 0] = [luminance(numbers(color)), luminance(behind(element))].sort((one, other) => other - one)
    const isLarge = parseFloat(fontSize) >= 24 || (parseFloat(fontSize) >= 18.66 && Number(fontWeight) >= 700)
    const contrast = (a + 0.05) / (b + 0.05)
    if (contrast < (isLarge ? 3 : 4.5)) {
      found.add(`${element.tagName}.${element.className} ${textContent?.slice(0, 20)}: ${contrast.toFixed(2)}`)
    }
  }
  return [...found]
})

/** Whatever one can use and a screen reader cannot name. */
const nameless = async (page: Page): Promise<string[]> => await page.evaluate(() =>
  [...document.querySelectorAll('button, input, select, textarea, a, summary, [role=log], nav, aside, main')]
    .filter(element => element.checkVisibility())
    .filter(element => {
      const { labels } = element as HTMLInputElement
      const label = [...labels ?? []].map(one => one.textContent).join('')
      return (element.getAttribute('aria-label') ?? '').trim() + (element.textContent ?? '').trim() + label.trim() === ''
    }).map(element => element.outerHTML.slice(0, 120)))

const overflows = async (page: Page): Promise<boolean> => await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)

const TALK = ['report', 'think', 'card button_interaction', 'card vote_interaction', 'card text_notice', 'picture', 'hostile']
const TABS = 4

for (const [theme, locale] of [['light', 'en-GB'], ['dark', 'zh-CN']] as const) {
  for (const width of [1280, 390]) {
    test(`it can be read and used: ${theme}, ${locale}, ${width} px`, async t => {
      const { page, begin, say, answers, trouble } = await open(t, { theme, locale, width, shipped: width === 390 })
      const look = async () => ({ pale: await paleTexts(page), nameless: await nameless(page), overflows: await overflows(page) })
      const fine = { pale: [], nameless: [], overflows: false }
      assert.equal(await page.locator('html').getAttribute('data-theme'), theme)
      assert.equal(await page.locator('html').getAttribute('lang'), locale.startsWith('zh') ? 'zh-CN' : 'en')
      await begin()
      await answers.first().waitFor()
      for (const text of TALK) await isOver(await say(text))
      await answers.nth(1).locator('.actions button').nth(2).click()
      await answers.nth(2).locator('summary').first().click()
      assert.deepEqual(await look(), fine)
      const log = page.getByRole('log')
      await log.focus()
      await page.keyboard.press('Home')
      assert.deepEqual(await look(), fine)

      if (width === 390) await page.locator('button.narrow').click()
      await page.locator('button.exchange').first().click()
      await page.locator('.detail').waitFor()
      for (let n = 0; n < TABS; n++) {
        await page.getByRole('tab').nth(n).click()
        assert.deepEqual(await look(), fine, `tab ${n}`)
      }
      if (width === 390) {
        await page.locator('button.narrow').click()
        await page.locator('.composer').waitFor()
        await page.locator('button.back').click()
        await page.locator('.sidebar').waitFor()
        assert.deepEqual(await look(), fine, 'the list')
        await page.locator('.item').click()
        await page.locator('.composer').waitFor()
      }
      if (width === 390) await page.locator('button.back').click()
      await begin('group')
      await isOver(await say('hello'))
      assert.deepEqual(await look(), fine, 'a group')
      assert.deepEqual(trouble, [])
    })
  }
}

test('look and language are chosen, and kept', async t => {
  const { page, begin, answers, trouble } = await open(t)
  await begin()
  await answers.first().waitFor()
  await page.getByRole('button', { name: 'Light or dark' }).click()
  await page.getByRole('button', { name: '中文' }).click()
  await page.getByRole('button', { name: '新建单聊' }).waitFor()
  await page.getByText('欢迎语').waitFor()
  await page.reload()
  await page.getByRole('button', { name: '新建单聊' }).waitFor()
  assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark')
  await page.getByRole('button', { name: 'English' }).click()
  await page.getByRole('button', { name: '切换浅色/深色' }).waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Light or dark' }).click()
  assert.equal(await page.locator('html').getAttribute('data-theme'), 'light')
  await page.evaluate(() => localStorage.setItem('look', '{'))
  await page.reload()
  await page.getByRole('button', { name: 'New single chat' }).waitFor()
  assert.deepEqual(trouble, [])
})

test('everything is reached by the keyboard', async t => {
  const { page, trouble } = await open(t)
  await page.locator('.sidebar').waitFor()
  const reach = async (name: string): Promise<void> => {
    for (let n = 0; n < 80; n++) {
      await page.keyboard.press('Tab')
      const found = await page.evaluate(() => {
        const { activeElement: element } = document
        return element?.getAttribute('aria-label') ?? element?.textContent ?? ''
      })
      if (found.includes(name)) return
    }
    throw new Error(`Tab never reaches ${name}`)
  }
  await reach('New single chat')
  await page.keyboard.press('Enter')
  await page.locator('.composer').waitFor()
  await reach('Message')
  await page.keyboard.type('by keyboard')
  await page.keyboard.press('Enter')
  await page.getByText('You said: by keyboard').last().waitFor()
  await page.keyboard.type('again')
  await reach('Send a picture or file')
  await reach('Send')
  await page.keyboard.press('Enter')
  await page.getByText('You said: again').last().waitFor()
  await reach('Misbehave')
  await page.keyboard.press('Enter')
  await reach('zhangsan')
  assert.equal(await page.getByRole('switch').count(), 8)
  assert.deepEqual(trouble, [])
})
