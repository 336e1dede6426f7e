import Fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import wecomStream from '../../../plugins/index.ts'
import { startCommand } from '../../fixtures/command.ts'

const CREDENTIALS = { token: 'my-token', encodingAESKey: 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C' }
const flags = ['--token', CREDENTIALS.token, '--key', CREDENTIALS.encodingAESKey]

async function open (t: Test, argv: string[]) {
  const command = startCommand(t, ['playground', ...argv])
  const [, address = ''] = await command.printed(/^Playground: (\S+)\n/)
  const { origin, hash } = new URL(address)
  const call = async (action: string, body: object): Promise<any> => await (await fetch(`${origin}/playground/api/${action}`, {
    method: 'POST',
    headers: { origin, 'x-playground-token': hash.slice(1), 'content-type': 'application/json' },
    body: JSON.stringify(body)
  })).json()
  return { ...command, origin, call }
}

const single = { kind: 'single', name: 'x', members: ['x'] }

t.test('without a target it begins a bot on the spot, and leaves when it is told to', async t => {
  const { ended, leave, call } = await open(t, [])
  const { id } = await call('create', single)
  t.hasStrict(await call('verify', { conversation: id }), { ok: true, problems: [] })
  leave()
  t.equal(await ended, 0)
})

t.test('with a target it talks with any bot, also from the port that it is given', async t => {
  const bot = Fastify()
  await bot.register(wecomStream, { ...CREDENTIALS, env: {} })
  t.teardown(() => bot.close())
  const target = await bot.listen({ host: '127.0.0.1', port: 0 }) + '/wecom/callback'
  const argv = ['--target', target, ...flags, '--public-url', 'https://play.example', '--allow-remote']
  const { ended, leave, call, origin } = await open(t, argv)
  t.match(origin, /^http:\/\/127\.0\.0\.1:\d+$/)
  const { id } = await call('create', single)
  t.hasStrict(await call('verify', { conversation: id }), { ok: true })
  leave()
  t.equal(await ended, 0)
  const early = startCommand(t, ['playground', '--target', target, ...flags])
  early.leave()
  t.equal(await early.ended, 0, 'one that is to leave before it has begun leaves')
})
