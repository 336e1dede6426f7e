import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import type { Page } from 'playwright-core'
import { CREDENTIALS } from './bot.ts'
import { isOver, open, until } from './page.ts'

const clipboard = async (page: Page): Promise<string> => await page.evaluate(async () => await navigator.clipboard.readText())
const tab = async (page: Page, name: string): Promise<void> => await page.getByRole('tab', { name }).click()

test('the inspector shows what went over the wire, and hands the conversation out as a test that passes', async t => {
  const { page, say, begin, answers, origin, trouble } = await open(t)
  await page.getByText('Choose a conversation').waitFor()
  await begin('group')
  await page.getByText('Nothing yet.').waitFor()
  await isOver(await say('hello'))
  await isOver(await say('once more'))

  const lines = page.locator('button.exchange')
  const line = lines.filter({ hasText: 'message' }).first()
  assert.match(await line.innerText(), /^→ message\s+200\s+\d+ ms\s+\d+ \/ \d+ B\s+\+19 B ■\s+\d\d:\d\d:\d\d$/)
  await line.click()
  const detail = page.locator('.detail')
  await detail.locator('pre', { hasText: '"content": "once more"' }).waitFor()
  await detail.locator('pre', { hasText: '"content": "You said: once more"' }).waitFor()
  await detail.getByText('As it went over the wire').click()
  await detail.locator('pre', { hasText: '"msg_signature"' }).waitFor()
  await detail.locator('pre', { hasText: '{"encrypt":' }).first().waitFor()
  await line.click()
  await detail.waitFor({ state: 'detached' })

  await page.getByRole('button', { name: 'Verify URL' }).click()
  await page.getByRole('status').getByText('The URL is verified').waitFor()
  await page.getByRole('button', { name: 'Copy as test' }).click()
  await page.getByRole('status').getByText('Copied').waitFor()
  const written = await clipboard(page)
  for (const secret of Object.values(CREDENTIALS)) assert.equal(written.includes(secret), false)
  assert.equal(written.includes('"You said: once more"'), true, 'a bot that echoes is held to its words')
  const folder = mkdtempSync(join(tmpdir(), 'wecom-copied-'))
  t.after(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(resolve('.'), join(folder, 'node_modules/fastify-wecom-stream'))
  writeFileSync(join(folder, 'bot.test.mjs'), written)
  const run = async (target: string) => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    return await promisify(execFile)(process.execPath, ['--test', join(folder, 'bot.test.mjs')], {
      env: { ...env, TARGET: target, WECOM_TOKEN: CREDENTIALS.token, WECOM_ENCODING_AES_KEY: CREDENTIALS.encodingAESKey }
    })
  }
  const { stdout } = await run(`${origin}/wecom/callback`)
  assert.match(stdout, /^(?:#|ℹ) pass 1$/m)
  await assert.rejects(run(`${origin}/nowhere`), 'and fails for what is no such bot')
  assert.equal(await answers.count(), 2)
  assert.deepEqual(trouble, [])
})

test('a conversation is copied, saved, loaded and played again', async t => {
  const { page, say, begin, answers, trouble } = await open(t)
  await begin()
  await answers.first().waitFor()
  const card = await say('card button_interaction')
  await isOver(card)
  await card.getByRole('button', { name: 'Approve' }).click()
  await card.getByText('Thank you').waitFor()

  await page.getByRole('button', { name: 'Copy as JSON' }).click()
  await page.getByRole('status').getByText('Copied').waitFor()
  const recording = JSON.parse(await clipboard(page))
  assert.equal(recording.format, 'fastify-wecom-stream/conversation@1')
  assert.equal(recording.steps.length, 3)
  const [saved] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save' }).click()])
  assert.equal(saved.suggestedFilename(), 'zhangsan.json')
  const file = await saved.path()
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), recording)
  await page.evaluate(() => { navigator.clipboard.writeText = async () => { throw new Error('not allowed') } })
  const [instead] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Copy as test' }).click()])
  assert.equal(instead.suggestedFilename(), 'copied.txt', 'what cannot be copied is handed out as a file')

  const load = page.getByLabel('Load a recording')
  const conversations = page.getByRole('navigation').locator('li')
  await load.setInputFiles({ name: 'x.json', mimeType: 'application/json', buffer: Buffer.from('no JSON') })
  await page.getByRole('status').getByText('This is no JSON').waitFor()
  await load.setInputFiles({ name: 'x.json', mimeType: 'application/json', buffer: Buffer.from('{}') })
  await page.getByRole('status').getByText('this is no recorded conversation').waitFor()
  await load.setInputFiles({ name: 'x.json', mimeType: 'application/json', buffer: readFileSync(file) })
  await page.getByRole('navigation').getByText('loaded', { exact: true }).waitFor()
  assert.equal(await conversations.count(), 2)
  await page.getByRole('heading', { name: 'Thank you' }).waitFor()
  await page.locator('.composer').waitFor({ state: 'detached' })

  await page.getByRole('button', { name: 'Replay' }).click()
  await page.locator('.composer').waitFor()
  await page.getByRole('heading', { name: 'Thank you' }).waitFor()
  await page.getByText('template_card_event').first().waitFor()
  assert.equal(await conversations.count(), 3)
  for (const count of [2, 1, 0]) {
    await page.getByRole('button', { name: 'Remove zhangsan' }).first().click()
    await until('it has gone', async () => await conversations.count() === count)
  }
  await page.getByText('Choose a conversation').waitFor()
  assert.deepEqual(trouble, [])
})

test('every message, event and card of the documents can be triggered and edited', async t => {
  const { page, begin, answers, trouble } = await open(t)
  await begin()
  await answers.first().waitFor()
  await tab(page, 'Triggers')
  const panel = page.locator('.panel')
  const kind = panel.getByRole('combobox', { name: 'Kind' })
  const names = await kind.locator('option').allInnerTexts()
  assert.equal(names.length, 21)
  const editor = panel.getByRole('textbox', { name: 'JSON, to be edited' })
  const send = panel.getByRole('button', { name: 'Send' })
  await editor.fill('{')
  await send.click()
  await page.getByRole('status').getByText('This is no JSON').waitFor()
  for (const name of names) {
    await kind.selectOption(name)
    await send.click()
  }
  await page.locator('.line', { hasText: 'tomorrows_event' }).waitFor()
  assert.equal(await page.locator('.line').count(), 8, 'seven, and the one with which the chat began')
  await until('each message stands there', async () => await page.locator('article.user').count() === 14)
  await kind.selectOption('voice')
  await editor.fill('{"msgtype":"voice","voice":{"content":"edited"}}')
  await send.click()
  await page.getByText('You said: edited').last().waitFor()

  await tab(page, 'Cards')
  await panel.getByText('WeCom takes this card').waitFor()
  await kind.selectOption('vote_interaction')
  await panel.getByRole('region', { name: 'What shall we eat?' }).waitFor()
  await panel.getByRole('button', { name: 'Vote' }).click()
  await editor.fill('{"card_type":"text_notice"}')
  await panel.locator('.problems li').first().waitFor()
  await editor.fill('[]')
  await panel.getByText('This is no JSON').waitFor()
  await editor.fill(JSON.stringify({
    card_type: 'button_interaction',
    source: { desc: 'Shop' },
    action_menu: { desc: 'More', action_list: [{ text: 'Mute', key: 'mute' }] },
    main_title: { title: 'A card with all', desc: 'of it' },
    card_image: { url: 'https://example.com/x.png' },
    sub_title_text: 'below',
    checkbox: { question_key: 'q', mode: 0, option_list: [{ id: 'a', text: 'One' }, { id: 'b', text: 'Two' }] },
    button_list: [{ text: 'Plain', key: 'k' }]
  }))
  const preview = panel.getByRole('region', { name: 'A card with all' })
  await preview.getByRole('radio', { name: 'Two' }).check()
  await preview.getByRole('radio', { name: 'One' }).check()
  await preview.locator('summary').click()
  await preview.getByRole('button', { name: 'Mute' }).click()
  assert.deepEqual(trouble, [])
})
