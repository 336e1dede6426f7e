import { Buffer } from 'node:buffer'
import t from 'tap'
import { RefusalError } from '../../../lib/util/errors.ts'
import { readPost, readVerification } from '../../../lib/wecom/callback-request.ts'

const url = '/wecom/callback?msg_signature=abc&timestamp=17&nonce=no'
const body = Buffer.from('{"encrypt":"sealed"}')

function refusal (attempt: () => unknown): string {
  try {
    attempt()
  } catch (error) {
    if (error instanceof RefusalError) return error.code
    throw error
  }
  return 'none'
}

t.test('a post is its three query fields and the encrypt of its body', async t => {
  t.same(readPost(url, body), { signature: 'abc', timestamp: '17', nonce: 'no', encrypt: 'sealed' })
})

t.test('a verification is its four query fields, decoded once', async t => {
  t.same(readVerification(`${url}&echostr=a%2Bb%2Fc%3D`), { signature: 'abc', timestamp: '17', nonce: 'no', encrypt: 'a+b/c=' })
  t.equal(readVerification(`${url}&echostr=a%252Bb`).encrypt, 'a%2Bb', 'not twice')
  t.equal(readVerification(`${url}&echostr=a+b`).encrypt, 'a b', 'a plus is a space')
  t.equal(readVerification(`${url}&echostr=%E0%A4%A`).encrypt, '\ufffd%A', 'what cannot be decoded does no harm')
})

t.test('fields that nobody knows are passed over', async t => {
  t.equal(readPost(`${url}&x=1&x=2&signature=z&echostr=`, body).signature, 'abc')
})

t.test('a field that is missing, empty or repeated is refused, and an alias is none', async t => {
  for (const name of ['msg_signature', 'timestamp', 'nonce']) {
    const field = new RegExp(`${name}=(\\w+)`)
    t.equal(refusal(() => readPost(url.replace(field, ''), body)), 'WECOM_ERR_QUERY', `${name} is missing`)
    t.equal(refusal(() => readPost(url.replace(field, `${name}=`), body)), 'WECOM_ERR_QUERY', `${name} is empty`)
    t.equal(refusal(() => readPost(url.replace(field, '$&&$&'), body)), 'WECOM_ERR_QUERY', `${name} comes twice`)
    t.equal(refusal(() => readPost(url.replace(field, `${name}[]=$1`), body)), 'WECOM_ERR_QUERY', `${name} is a list`)
    t.equal(refusal(() => readPost(url.replace(name, name.toUpperCase()), body)), 'WECOM_ERR_QUERY', `${name} is in capitals`)
  }
  for (const alias of ['msgsignature', 'signature', 'msg-signature']) {
    t.equal(refusal(() => readPost(url.replace('msg_signature', alias), body)), 'WECOM_ERR_QUERY', alias)
  }
  t.equal(refusal(() => readPost('/wecom/callback', body)), 'WECOM_ERR_QUERY', 'no query')
  t.equal(refusal(() => readPost('/wecom/callback?', body)), 'WECOM_ERR_QUERY', 'an empty query')
  t.equal(refusal(() => readVerification(url)), 'WECOM_ERR_QUERY', 'a verification without echostr')
  t.equal(refusal(() => readVerification(`${url}&echostr=a&echostr=a`)), 'WECOM_ERR_QUERY', 'or with two')
})

t.test('a body that is no envelope is refused', async t => {
  const bodies: Record<string, Buffer | string | undefined> = {
    none: undefined,
    empty: '',
    xml: '<xml><Encrypt><![CDATA[sealed]]></Encrypt></xml>',
    truncated: '{"encrypt":"seal',
    text: '"sealed"',
    number: '5',
    null: 'null',
    array: '["sealed"]',
    other: '{"message":"sealed"}',
    capital: '{"Encrypt":"sealed"}',
    'encrypt is null': '{"encrypt":null}',
    'encrypt is a number': '{"encrypt":5}',
    'encrypt is a list': '{"encrypt":["sealed"]}',
    'encrypt is an object': '{"encrypt":{}}',
    'encrypt is empty': '{"encrypt":""}',
    'encrypt is inherited': '{"__proto__":{"encrypt":"sealed"}}',
    'not UTF-8': Buffer.from([0x7b, 0xff, 0xfe, 0x7d]),
    gzip: Buffer.from('1f8b0800000000000003', 'hex'),
    'nested without end': '['.repeat(200_000),
    'byte order mark': '\ufeff{"encrypt":"sealed"}'
  }
  for (const [name, body] of Object.entries(bodies)) {
    t.equal(refusal(() => readPost(url, body === undefined ? undefined : Buffer.from(body as string))), 'WECOM_ERR_BODY', name)
  }
})

t.test('what is refused says what to look at', async t => {
  t.throws(() => readPost(url, undefined), { message: /XML means that WeCom is set up for an app/ })
  t.throws(() => readPost('/', body), { message: 'the query has not exactly one msg_signature' })
})
