import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOver, open, until } from './page.ts'

test('one talks with the bot, sees it grow, and stops it', async t => {
  const { page, say, begin, answers, trouble } = await open(t)
  await begin()
  const welcome = answers.first()
  await welcome.getByText('Hello! Ask me anything.').waitFor()
  await welcome.getByText('welcome', { exact: true }).waitFor()

  const hello = await say('hello')
  await isOver(hello)
  assert.equal(await hello.locator('.markdown').innerText(), 'You said: hello')
  await page.getByRole('navigation').getByText('You said: hello').waitFor()

  const slow = await say('slow')
  const length = async (): Promise<number> => (await slow.locator('.markdown').innerText()).length
  await until('it shows something', length)
  const before = await length()
  await until('it has grown', async () => await length() > before)
  assert.equal(await slow.getAttribute('aria-busy'), 'true')
  await page.getByRole('button', { name: 'Stop', exact: true }).click()
  await isOver(slow)
  assert.equal((await slow.locator('.markdown').innerText()).includes('line 199'), false)
  await until('the stop is answered in a bubble of its own', async () => await page.locator('article.bot[aria-busy=true]').count() === 0)

  const thought = await say('think')
  await isOver(thought)
  assert.equal(await thought.locator('details.think').getAttribute('open'), null, 'thinking is folded')
  await thought.getByText('Thinking').click()
  await thought.getByText('The user wants me to think.').waitFor()
  await thought.getByText('I have thought.').waitFor()

  const shown = await say('picture please')
  await isOver(shown)
  await shown.getByRole('img', { name: 'picture 1' }).waitFor()
  assert.equal(await shown.locator('img').evaluate(image => (image as HTMLImageElement).naturalWidth > 0), true)

  await page.reload()
  await page.getByText('You said: hello').last().waitFor()
  assert.equal(await answers.count() >= 5, true, 'a reload loses nothing')
  assert.deepEqual(trouble, [])
})

test('a new chat is written to as soon as it can be seen, however slow its server is', async t => {
  const { page, begin, answers, trouble } = await open(t)
  await begin()
  await answers.first().waitFor()
  const field = page.getByRole('textbox', { name: 'Message', exact: true })
  await field.fill('a draft')
  let goOn = (): void => {}
  const held = new Promise<void>(resolve => { goOn = resolve })
  await page.route('**/api/create', async route => {
    await held
    await route.continue()
  })
  try {
    await page.getByRole('button', { name: 'New single chat' }).click()
    await page.getByText('Choose a conversation, or begin a new one.').waitFor()
    assert.equal(await field.count(), 0, 'the chat before takes nothing any more')
  } finally {
    goOn()
  }
  await field.fill('written at once')
  await field.press('Enter')
  await page.locator('article.user').getByText('written at once').waitFor()
  await page.getByText('You said: written at once').last().waitFor()
  assert.equal(await page.getByRole('main').getAttribute('aria-label'), 'lisi')
  await page.getByRole('navigation').getByText('zhangsan').click()
  assert.equal(await page.locator('article.user').count(), 0)
  assert.equal(await field.inputValue(), 'a draft')

  await page.unroute('**/api/create')
  await page.route('**/api/create', async route => await route.fulfill({ status: 400, json: { error: 'not now' } }))
  await page.getByRole('button', { name: 'New single chat' }).click()
  await page.getByRole('status').getByText('not now').waitFor()
  assert.equal(await field.inputValue(), 'a draft', 'what was open is open again')
  await page.route('**/api/send', async route => await route.abort())
  await field.press('Enter')
  await page.getByRole('status').getByText('The connection is lost.').waitFor()
  await until('what was not taken stands in its field again', async () => await field.inputValue() === 'a draft')
  assert.deepEqual(trouble, [])
})

test('pictures, files and voice reach the bot', async t => {
  const { page, begin, answers, trouble } = await open(t)
  await begin()
  await answers.first().waitFor()
  const attach = page.getByLabel('Send a picture or file')
  await attach.setInputFiles('test/browser/picture.png')
  await page.getByText('I got image/png picture.png.').last().waitFor()
  const sent = page.locator('article.user').getByRole('img', { name: 'picture.png' })
  await sent.waitFor()
  assert.equal(await sent.evaluate(image => (image as HTMLImageElement).naturalWidth > 0), true)

  const field = page.getByRole('textbox', { name: 'Message', exact: true })
  await page.getByRole('button', { name: 'Send', exact: true }).click()
  await field.fill('What is this?')
  await attach.setInputFiles(['test/browser/picture.png', 'test/browser/picture.png'])
  await page.getByText('I got image/png picture.png, image/png picture.png.').last().waitFor()
  await page.locator('article.user').last().getByText('What is this?').waitFor()
  assert.equal(await field.inputValue(), '')

  await attach.setInputFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('hello') })
  await page.getByText(/^I got \S+ notes\.txt\.$/).last().waitFor()
  await page.locator('article.user').last().getByText('notes.txt').waitFor()
  await attach.setInputFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('hello') })
  await until('the same file is sent again', async () => await page.locator('article.user', { hasText: 'notes.txt' }).count() === 2)
  await attach.setInputFiles({ name: 'empty.txt', mimeType: 'text/plain', buffer: Buffer.alloc(0) })
  await page.getByRole('status').getByText('an empty file cannot be sent').waitFor()

  await attach.setInputFiles({ name: 'film.mp4', mimeType: 'video/mp4', buffer: Buffer.from('000000186674797069736f6d00000000', 'hex') })
  await page.getByText(/^I got video\/mp4 film\.mp4\.$/).last().waitFor()

  await field.fill('what I say')
  await page.getByRole('button', { name: 'Send as a voice message' }).click()
  await page.getByText('You said: what I say').last().waitFor()
  assert.deepEqual(trouble, [])
})

test('cards are used, and change', async t => {
  const { page, say, begin, answers, call, trouble } = await open(t)
  await begin()
  await answers.first().waitFor()

  const approve = await say('card button_interaction')
  await isOver(approve)
  await approve.getByRole('combobox').selectOption('Wang Wu')
  await approve.getByRole('button', { name: 'Approve' }).click()
  await approve.getByText('Thank you').waitFor()

  const vote = await say('card vote_interaction')
  await isOver(vote)
  await vote.getByRole('checkbox', { name: 'Soup' }).check()
  await vote.getByRole('checkbox', { name: 'Noodles' }).uncheck()
  await vote.getByRole('button', { name: 'Vote' }).click()
  await vote.getByText('Thank you').waitFor()

  const book = await say('card multiple_interaction')
  await isOver(book)
  await book.getByRole('combobox', { name: 'Room' }).selectOption('Room B')
  await book.getByRole('button', { name: 'Book' }).click()
  await book.getByText('Thank you').waitFor()

  const notice = await say('card text_notice')
  await isOver(notice)
  assert.equal(await notice.getByRole('link', { name: 'open' }).getAttribute('rel'), 'noopener noreferrer')
  await notice.getByRole('button', { name: 'Ask' }).click()
  await page.getByText('You said: Where is order 4711?').last().waitFor()

  const news = await say('card news_notice')
  await isOver(news)
  assert.equal(await news.getByRole('img').count(), 0, 'remote pictures are links')
  await news.getByRole('link', { name: /^Menu Noodles/ }).waitFor()

  const [{ exchanges }] = (await snapshot()).conversations
  const events = await Promise.all(exchanges.filter(({ kind }: any) => kind === 'event')
    .map(async ({ n }: any) => JSON.parse((await call('exchange', { n })).requestText).event.template_card_event))
  assert.deepEqual(events.filter(Boolean).map(({ event_key: key, selected_items: items }) => [
    key, items.selected_item.map((item: any) => [item.question_key, ...item.option_ids.option_id])
  ]), [
    ['approve', [['deputy', 'wang']]],
    ['submit', [['food', 'soup']]],
    ['book', [['room', 'b'], ['hour', '9']]]
  ])
  assert.deepEqual(trouble, [])

  async function snapshot (): Promise<any> {
    return await page.evaluate(async () => {
      const response = await fetch('api/feed', { method: 'POST', headers: { 'x-playground-token': location.hash.slice(1) } })
      const reader = response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array>
      let text = ''
      while (!text.includes('\n\n')) text += new TextDecoder().decode((await reader.read()).value, { stream: true })
      await reader.cancel()
      return JSON.parse(text.slice('data: '.length)).snapshot
    })
  }
})

test('answers are rated, and the rating is taken back', async t => {
  const { page, say, begin, answers, trouble } = await open(t)
  await begin()
  await answers.first().waitFor()
  const answer = await say('hello')
  await isOver(answer)
  const good = answer.getByRole('button', { name: 'Accurate', exact: true })
  const bad = answer.getByRole('button', { name: 'Inaccurate', exact: true })
  await good.click()
  await until('it is rated', async () => await good.getAttribute('aria-pressed') === 'true')
  await bad.click()
  await answer.getByRole('checkbox', { name: 'Wrong', exact: true }).check()
  await answer.getByRole('checkbox', { name: 'Incomplete' }).check()
  await answer.getByRole('checkbox', { name: 'Wrong', exact: true }).uncheck()
  await answer.getByRole('textbox', { name: 'What is wrong?' }).fill('It is old')
  await answer.getByRole('button', { name: 'Submit' }).click()
  await until('it is rated otherwise', async () => await bad.getAttribute('aria-pressed') === 'true')
  await answer.getByRole('button', { name: 'Take back' }).click()
  await until('it is not rated', async () => await bad.getAttribute('aria-pressed') === 'false')
  await page.locator('button.exchange').first().click()
  await page.locator('.detail').getByText('feedback_event').first().waitFor()
  assert.deepEqual(trouble, [])
})

test('in a group members speak, mention the bot and quote; what does not fit follows by itself', async t => {
  const { page, say, begin, answers, trouble } = await open(t)
  await begin('group')
  const field = page.getByRole('textbox', { name: 'Message', exact: true })
  await field.fill('hello')
  await page.getByRole('button', { name: 'Mention the bot' }).click()
  assert.equal(await field.inputValue(), '@bot hello')
  await field.press('Enter')
  await page.getByText('You said: hello').last().waitFor()

  await page.getByRole('combobox', { name: 'Write as' }).selectOption('lisi')
  await answers.first().getByRole('button', { name: 'Quote' }).click()
  await page.locator('.quoting').getByText('You said: hello').waitFor()
  await page.getByRole('button', { name: 'Do not quote' }).click()
  await page.locator('.quoting').waitFor({ state: 'detached' })
  await answers.first().getByRole('button', { name: 'Quote' }).click()
  const second = await say('and this?')
  await isOver(second)
  const asked = page.locator('article.user').last()
  await asked.locator('blockquote').getByText('You said: hello').waitFor()
  assert.equal(await asked.getAttribute('aria-label').then(name => name?.split(' ')[0]), 'lisi')
  await asked.getByRole('button', { name: 'Quote' }).click()
  await isOver(await say('quoting a user'))
  await page.locator('article.user').last().locator('blockquote').getByText('and this?').waitFor()

  await page.getByRole('combobox', { name: 'Write as' }).selectOption('wangwu')
  await field.fill('long')
  await field.press('Shift+Enter')
  assert.equal(await field.inputValue(), 'long\n', 'a line break is none to send by')
  await field.press('Enter')
  const active = page.locator('article.bot', { hasText: 'active reply' })
  await active.waitFor()
  assert.equal((await active.locator('.markdown').innerText()).endsWith('end'), true)
  assert.deepEqual(trouble, [])
})

test('markdown is shown as WeCom shows it, and what WeCom is not seen to show is marked', async t => {
  const { say, begin, answers, trouble } = await open(t)
  await begin()
  await answers.first().waitFor()
  const answer = await say([
    '# Title', '<@zhangsan> and ~~struck~~ and **bold**', '> quoted', '- [x] done\n- [ ] to do', '![chart](https://far.example/x.png)',
    '```sql\nselect 1\n```', '```unknown\nplain\n```', '<b>no HTML</b>'
  ].join('\n\n'))
  await isOver(answer)
  const marked = answer.locator('.unseen[title="not seen in WeCom"]')
  assert.deepEqual((await marked.allInnerTexts()).map(text => text.trim()), [
    'struck', 'quoted', '☑', '☐', 'chart', '<b>', '</b>'
  ])
  await answer.locator('.mention', { hasText: '@zhangsan' }).waitFor()
  await answer.locator('strong', { hasText: 'bold' }).waitFor()
  await answer.locator('.hljs-keyword', { hasText: 'select' }).waitFor()
  assert.equal(await answer.getByRole('link', { name: 'chart' }).getAttribute('href'), 'https://far.example/x.png')
  assert.equal(await answer.getByRole('img').count(), 0, 'no remote picture is loaded')
  assert.deepEqual(trouble, [])
})
