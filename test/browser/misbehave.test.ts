import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wallClock } from '../../lib/util/clock.ts'
import type { Clock } from '../../lib/util/clock.ts'
import { isOver, open, until } from './page.ts'

/** Ten seconds of WeCom are one. */
const fastClock: Clock = { ...wallClock, setTimeout: (callback, ms, options) => wallClock.setTimeout(callback, ms / 10, options) }

test('WeCom and its network misbehave as they are told to', async t => {
  const { page, say, begin, answers, trouble } = await open(t, { clock: fastClock, refreshMs: 1000 })
  await begin()
  await answers.first().waitFor()
  await page.getByRole('tab', { name: 'Misbehave' }).click()
  const field = page.getByRole('textbox', { name: 'Message', exact: true })
  const turn = async (name: string): Promise<void> => await page.getByRole('switch', { name }).click()
  const isOff = async (name: string): Promise<void> => await until(`${name} is used up`, async () =>
    !await page.getByRole('switch', { name }).isChecked())
  const write = async (text: string): Promise<void> => {
    await field.fill(text)
    await field.press('Enter')
  }
  const asked = page.locator('article.user')
  const inspect = async (): Promise<string[]> => {
    await page.getByRole('tab', { name: 'Inspector' }).click()
    await page.locator('button.exchange').first().waitFor()
    const lines = await page.locator('button.exchange').allInnerTexts()
    await page.getByRole('tab', { name: 'Misbehave' }).click()
    return lines
  }

  await turn('Lose the next reply')
  await isOver(await say('is it lost?'))
  await isOff('Lose the next reply')
  assert.equal((await inspect()).some(line => line.startsWith('→ message ×2')), true, 'WeCom has delivered it again')

  const before = (await inspect()).length
  await turn('Deliver the next message twice')
  await isOver(await say('twice'))
  await isOff('Deliver the next message twice')
  await until('both deliveries stand there', async () => (await inspect()).length >= before + 2)

  for (const name of ['Sign the next message wrongly', 'Clock off by an hour, for the next message']) {
    await turn(name)
    await write(`refused: ${name}`)
    const refused = asked.last()
    await refused.getByText('Not answered', { exact: true }).waitFor()
    await refused.locator('.problems li').first().waitFor()
    await isOff(name)
  }

  await turn('Deliver the next message late')
  await write('late')
  await asked.last().getByText('Delivered late, in ten seconds').waitFor()
  await answers.last().getByText('You said: late').waitFor()

  await page.getByRole('combobox', { name: 'From an answer to the next refresh' }).selectOption('500 ms')
  await turn('Refresh twice at once')
  const slow = await say('slow')
  await until('refreshes come in pairs', async () => (await inspect()).filter(line => line.startsWith('→ refresh')).length >= 4)
  await turn('Refresh twice at once')
  await turn('Stop refreshing')
  await until('nothing comes any more', async () => {
    const length = (await slow.innerText()).length
    await new Promise(resolve => setTimeout(resolve, 300))
    return (await slow.innerText()).length === length
  })
  await turn('Stop refreshing')
  const length = (await slow.innerText()).length
  await until('it grows again', async () => (await slow.innerText()).length > length)
  await page.getByRole('button', { name: 'Stop', exact: true }).click()
  await isOver(slow)

  await turn('Lose the network for ten seconds')
  await write('nobody hears this')
  await asked.last().getByText('Not answered', { exact: true }).waitFor()
  await isOff('Lose the network for ten seconds')
  await isOver(await say('back again'))
  assert.deepEqual(trouble, [])
})

test('a page that has lost its server says so and comes back, and one with another token is sent away', async t => {
  const { page, begin, answers, address, trouble } = await open(t)
  await begin()
  await answers.first().waitFor()
  await page.route('**/api/feed', async route => await route.abort())
  // What is open already is cut by the server half, as if it had gone.
  await page.context().setOffline(true)
  await page.reload().catch(() => {})
  await page.context().setOffline(false)
  await page.goto(address)
  await page.getByText('The connection is lost. Trying again…').waitFor()
  await page.unroute('**/api/feed')
  await page.getByText('Hello! Ask me anything.').last().waitFor()

  await page.goto('about:blank')
  await page.goto(address.replace(/#.*/, `#${'A'.repeat(32)}`))
  await page.getByRole('alert').getByText('The token is not that of this start.').waitFor()
  assert.deepEqual(trouble.filter(one => !/ERR_INTERNET_DISCONNECTED/.test(one)), [])
})
