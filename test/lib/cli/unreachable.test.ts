import t from 'tap'
import { explainConnection } from '../../../lib/cli/unreachable.ts'
import { ConnectionError } from '../../../lib/simulator/transport.ts'

t.test('every failure of a connection has a cause and a cure', t => {
  const explain = (cause: unknown, url = 'https://bot.example.com/wecom/callback') =>
    explainConnection(new ConnectionError('failed', { cause }), new URL(url)).cause
  for (const [code, cause] of [
    ['ENOTFOUND', 'the name bot.example.com does not resolve'],
    ['ECONNREFUSED', 'nothing listens at bot.example.com'],
    ['EHOSTUNREACH', 'there is no route to bot.example.com'],
    ['ECONNRESET', 'bot.example.com closed the connection without an answer'],
    ['HPE_INVALID_CONSTANT', 'bot.example.com closed the connection without an answer'],
    ['CERT_HAS_EXPIRED', 'the certificate of bot.example.com has expired'],
    ['CERT_NOT_YET_VALID', 'the certificate of bot.example.com is not valid yet'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'the certificate of bot.example.com is for another name'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'the certificate chain of bot.example.com is incomplete'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'nobody whom WeCom believes has signed the certificate of bot.example.com'],
    ['EMFILE', 'the https connection to bot.example.com failed (EMFILE)']
  ] as const) t.equal(explain({ code }), cause)
  t.equal(explain({ code: 'EPROTO', message: 'ssl3_get_record:wrong version number' }), 'bot.example.com does not speak TLS')
  t.equal(explain(undefined, 'http://127.0.0.1:3000/'), 'the http connection to 127.0.0.1:3000 failed (without a code)')
  t.end()
})
