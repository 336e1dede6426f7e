// The samples of several replicas.
import t from 'tap'
import { openRedis } from '../../fixtures/redis.ts'
import { HELLO, ran, serve, talk, watchSignals } from '../../fixtures/samples.ts'

const redis = await openRedis(t)
if (redis === undefined) ran.add('replicas.mjs')
else {
  t.test('replicas.mjs: state is in Redis, and readiness fails before the answers are let end', async t => {
    const takeListeners = watchSignals()
    const prefix = redis.newPrefix()
    const change = (code: string): string => code.replace('support:', prefix).replace('sleep(5000)', 'sleep(100)')
    const { app, url, log, wecom } = await serve(
      t, 'replicas.mjs', { REDIS_URL: redis.url, MOCK_CHUNK_DELAY_MS: '20', STREAM_FIRST_REPLY_GRACE_MS: '0' }, change
    )
    const [[signal, onSignal] = []] = takeListeners()
    t.equal(signal, 'SIGTERM')
    t.strictSame(await (await fetch(`${url}/ready`)).json(), { ready: true })
    t.match(log.join(''), /"state":"in Redis","callbacks":\["\/wecom\/callback"\],"msg":"streams are ready"/)

    let closed: unknown
    let unready: Promise<Response> | undefined
    const content = await talk(t, wecom(), 'hello', {
      onFrame: () => {
        closed ??= onSignal?.('SIGTERM')
        unready ??= fetch(`${url}/ready`)
      }
    })
    t.equal(content, HELLO)
    t.equal((await unready)?.status, 503)
    await closed
    t.equal(app.server.listening, false)
    t.notMatch(log.join(''), '"level":50')
    t.not((await redis.keys(prefix)).length, 0)
  })
}
