import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import t from 'tap'
import { RefusalError } from '../../../lib/util/errors.ts'
import { isObject } from '../../../lib/util/objects.ts'
import { readPost, readVerification } from '../../../lib/wecom/callback-request.ts'
import { readEncryptOf } from '../../../lib/wecom/envelope-body.ts'

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
  t.equal(readVerification(`${url}&echostr=a+b%20c%2Bd`).encrypt, 'a+b+c+d', 'a blank is a plus that a gateway has decoded')
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
    'more members than eight': `{${'"a":1,'.repeat(8)}"encrypt":"sealed"}`,
    'a member that is an object': '{"a":{},"encrypt":"sealed"}',
    'a member that is a list': '{"encrypt":"sealed","a":[]}',
    'text behind it': '{"encrypt":"sealed"}{}',
    'a comma behind the last member': '{"encrypt":"sealed",}',
    'no colon': '{"encrypt","sealed"}',
    'no quotes': '{encrypt:"sealed"}',
    'a word that is no value': '{"a":maybe,"encrypt":"sealed"}',
    'a number without end': `{"a":${'1'.repeat(200_000)},"encrypt":"sealed"}`,
    'a line break in a string': '{"encrypt":"sea\nled"}',
    'an escape that is none': '{"encrypt":"sea\\xled"}',
    'an escape at the end': '{"encrypt":"sealed\\',
    'no members': '{}',
    'byte order mark': '\ufeff{"encrypt":"sealed"}'
  }
  for (const [name, body] of Object.entries(bodies)) {
    t.equal(refusal(() => readPost(url, body === undefined ? undefined : Buffer.from(body as string))), 'WECOM_ERR_BODY', name)
  }
})

t.test('an envelope may have any white space, members of a gateway around it, and escapes', async t => {
  const bodies = [
    ' \t\r\n{ "encrypt" : "sealed" } \n',
    '{"a":1,"b":-2.5e+3,"c":true,"d":false,"e":null,"f":"\\" }{[,","g":"网关","encrypt":"sealed"}',
    '{"encrypt":"sea\\u006ced"}',
    '{"encrypt":null,"encrypt":"sealed"}'
  ]
  for (const body of bodies) t.equal(readPost(url, Buffer.from(body)).encrypt, 'sealed', body)
  t.equal(readPost(url, Buffer.from('{"encrypt":"a\\/b+c="}')).encrypt, 'a/b+c=', 'a slash that an encoder has escaped')
})

t.test('what is read of a body is what JSON.parse reads of it, or nothing', async () => {
  const piece = fc.constantFrom(
    '{', '}', '[', ']', ',', ':', '"', '\\', ' ', '\n', '"encrypt"', '"encrypt":', '"a":', '1', 'true', 'null', '"x"', 'x', '\\n', '中'
  )
  const members = fc.array(fc.tuple(
    fc.constantFrom('encrypt', 'a', 'b'), fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null))
  ), { minLength: 1, maxLength: 9 })
    .map(list => `{${list.map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`).join(' , ')}}`)
  const parsed = (text: string): unknown => { try { return JSON.parse(text) } catch { return undefined } }
  fc.assert(fc.property(fc.oneof(fc.array(piece, { maxLength: 20 }).map(pieces => pieces.join('')), members), text => {
    const read = readEncryptOf(Buffer.from(text))
    if (read !== undefined) return read === (parsed(Buffer.from(text).toString('latin1')) as { encrypt?: unknown }).encrypt
    const value = parsed(text)
    const flat = isObject(value) && Object.values(value).every(one => typeof one !== 'object' || one === null)
    return !flat || typeof value['encrypt'] !== 'string' || text.split(',').length > 8 || /[^ -~]/.test(text)
  }), { numRuns: 5000 })
})

t.test('what is refused says what to look at', async t => {
  t.throws(() => readPost(url, undefined), { message: /XML means that WeCom is set up for an app/ })
  t.throws(() => readPost('/', body), { message: 'the query has not exactly one msg_signature' })
})
