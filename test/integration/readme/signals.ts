// The samples of what operators see.
import t from 'tap'
import { HELLO, serve, talk } from '../../fixtures/samples.ts'

t.test('slow.mjs: a channel tells of answers whose text came late', async t => {
  const { log, wecom } = await serve(t, 'slow.mjs', {}, code => code.replace('> 5000', '>= 0'))
  t.equal(await talk(t, wecom(), 'hello'), HELLO)
  const told = log.map(line => JSON.parse(line) as Record<string, unknown>).find(({ msg }) => msg === 'slow')
  t.hasStrict(told, { source: 'mock' })
  t.match(told?.['user'], /^[0-9a-f]{16}$/)
})

t.test('pressure.mjs: a health check for other plugins', async t => {
  const { app, log } = await serve(t, 'pressure.mjs')
  t.ok(log.some(line => line.includes('ready when the app listens')))
  t.equal(app.wecomHealth().ready, true)
})

t.test('metrics.mjs: what happened is scraped', async t => {
  const { url, wecom } = await serve(t, 'metrics.mjs')
  t.equal(await talk(t, wecom(), 'hello'), HELLO)
  const scraped = await (await fetch(`${url}/metrics`)).text()
  t.ok(scraped.includes('\nwecom_callbacks_total{kind="verification",code="none"} 1\n'))
  t.ok(scraped.includes('\nwecom_callbacks_total{kind="message",code="none"} 1\n'))
  t.ok(scraped.includes('\nwecom_streams_total{outcome="done",class="none"} 1\n'))
})
