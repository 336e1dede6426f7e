import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { isOver, open, until } from './page.ts'
import type { Opened } from './page.ts'

const harm = async ({ page }: Opened): Promise<unknown> => await page.evaluate(() => (window as unknown as { harmed: unknown }).harmed)

test('what a model says harms nothing, and asks nobody', async t => {
  const opened = await open(t)
  const { page, say, begin, answers, trouble } = opened
  await begin()
  await answers.first().waitFor()
  const answer = await say('hostile')
  await isOver(answer)
  await answer.locator('table').waitFor()
  await answer.locator('pre', { hasText: 'const unclosed = 1' }).waitFor()
  for (const tag of ['script', 'iframe', 'svg[onload]', 'style', 'form', 'object', '.markdown img', '[onerror]', '[onload]']) {
    assert.equal(await answer.locator(tag).count(), 0, tag)
  }
  const targets = await page.locator('article.bot a').evaluateAll(links => links.map(link => link.getAttribute('href')))
  assert.deepEqual(targets.filter(target => target !== null && !/^(?:https?|mailto):/.test(target)), [])
  await answer.getByText('<script>window.harmed = 1</script>').waitFor()
  const cells = await answer.locator('td').count()
  assert.equal(cells > 1000 && cells <= 2200, true, `${cells} cells`)
  await answer.getByText('more rows').waitFor()
  assert.equal(await harm(opened), undefined)
  assert.equal(await page.locator('.composer').isVisible(), true, 'its style has hidden nothing')
  assert.deepEqual(trouble, [])
})

test('a recording from anywhere harms nothing either', async t => {
  const opened = await open(t)
  const { page, trouble } = opened
  const evil = '<img src=x onerror="window.harmed = 6">'
  const link = 'javascript:window.harmed=7'
  const saying = (content: string) => ({ msgtype: 'text', text: { content } })
  const recording = {
    format: 'fastify-wecom-stream/conversation@1',
    kind: 'single',
    name: evil,
    members: [evil],
    entries: [
      { kind: 'user', at: 0, user: evil, message: { ...saying(evil), quote: saying(evil) } },
      { kind: 'event', at: 0, user: evil, event: { eventtype: evil } },
      {
        kind: 'bot',
        at: 0,
        content: `<think>${evil}</think><@${evil}> <@a"onclick=x> [x](${link}) [y](vbscript:x) ![z](${link}) <a href="${link}">b</a>`,
        images: ['x" onerror="window.harmed = 8'],
        card: {
          card_type: 'text_notice',
          main_title: { title: evil },
          card_image: { url: link },
          image_text_area: { url: link, title: evil, desc: evil },
          horizontal_content_list: [{ keyname: evil, value: evil, type: 1, url: link }],
          jump_list: [{ type: 1, url: link, title: evil }],
          card_action: { url: link }
        }
      }
    ]
  }
  await page.getByLabel('Load a recording')
    .setInputFiles({ name: 'x.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(recording)) })
  await page.locator('article.bot .card').waitFor()
  await page.locator('article.bot').getByText('Thinking').click()
  const targets = await page.locator('a').evaluateAll(links => links.map(one => one.getAttribute('href')))
  assert.deepEqual(targets.filter(target => target !== null), [])
  assert.equal(await harm(opened), undefined)
  assert.deepEqual(trouble.filter(one => !one.startsWith('data:')), [])
})

test('no other page reaches it: neither by a name that leads here, nor from its own origin, nor in a frame', async t => {
  const { page, origin, address, call } = await open(t)
  const { port } = new URL(origin)
  const rebound = await page.goto(`http://evil.example:${port}/playground/`)
  assert.equal(rebound?.status(), 403)

  const page2 = `<iframe src="${address}"></iframe><script type="module" src="/try.js"></script>`
  const tried = `
    const results = []
    const body = '{"kind":"single","name":"x","members":["x"]}'
    for (const options of [{}, { mode: 'no-cors' }]) {
      const asked = fetch('${origin}/playground/api/create', { method: 'POST', body, ...options })
      results.push(await asked.then(({ type }) => type, () => 'refused'))
    }
    window.results = results`
  const server = createServer((request, response) => {
    const isScript = request.url === '/try.js'
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html').end(isScript ? tried : page2)
  }).listen(0, '127.0.0.1')
  t.after(() => { server.closeAllConnections(); server.close() })
  await once(server, 'listening')
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  const results = async (): Promise<unknown> => await page.evaluate(() => (window as unknown as { results: unknown }).results)
  await until('both are tried', results)
  assert.deepEqual(await results(), ['refused', 'refused'])
  assert.equal(await page.frames()[1]?.locator('.app, main').count(), 0, 'nothing of it is framed')
  await page.goto(address)
  await page.locator('.sidebar').waitFor()
  assert.equal(await page.locator('.sidebar li').count(), 0, 'nothing was begun')
  assert.equal((await call('create', { kind: 'single', name: 'x', members: ['x'] })).error, undefined)
})
