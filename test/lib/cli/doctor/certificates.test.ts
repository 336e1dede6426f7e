import { spawnSync } from 'node:child_process'
import Fastify from 'fastify'
import t from 'tap'
import wecomStream from '../../../../plugins/index.ts'
import { keys, PATH } from '../../../fixtures/app.ts'
import { createAuthority } from '../../../fixtures/certificates.ts'
import { command, emptyFolder } from '../../../fixtures/command.ts'

const skip = spawnSync('openssl', ['version']).status === 0 ? false : 'there is no openssl to make certificates with'

t.test('what is wrong with a certificate is told by its name', { skip }, async t => {
  const authority = createAuthority(emptyFolder(t))
  const own = authority.issue('IP:127.0.0.1')
  const expired = authority.issue('IP:127.0.0.1', { days: -1 })
  const other = authority.issue('DNS:other.test')

  const doctor = async ({ key, cert }: { key: string, cert: string }, believed = true) => {
    const app = Fastify({ https: { key, cert } } as object)
    await app.register(wecomStream, { ...keys, env: {} })
    t.teardown(() => app.close())
    const url = new URL(PATH, await app.listen({ host: '127.0.0.1', port: 0 }))
    const argv = ['doctor', url.href, '--token', keys.token, '--key', keys.encodingAESKey, '--get-only']
    const { code, stdout } = await command(t, [...argv, ...(believed ? ['--ca', authority.file] : [])])
    return [code, stdout.replaceAll(url.host, 'HOST')]
  }
  const told = (cause: string, cure: string) => [1, `cause: ${cause}\ncure:  ${cure}\n`]

  t.strictSame(await doctor({ ...own, cert: own.chain }), [0, 'The URL passes the verification of WeCom.\n'])
  t.strictSame(await doctor(own), told(
    'the certificate chain of HOST is incomplete',
    'serve the full chain (fullchain.pem), with the intermediate certificates behind your own'
  ))
  t.strictSame(await doctor({ ...expired, cert: expired.chain }), told(
    'the certificate of HOST has expired', 'renew it, and reload the server or proxy that holds it'
  ))
  t.strictSame(await doctor({ ...other, cert: other.chain }), told(
    'the certificate of HOST is for another name', 'get one for this name, or use the name of the certificate in the URL'
  ))
  t.strictSame(await doctor({ ...own, cert: own.chain }, false), told(
    'nobody whom WeCom believes has signed the certificate of HOST',
    'get one from a public authority; for a try of your own name its authority with --ca'
  ))
})
