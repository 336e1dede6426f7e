import t from 'tap'
import { createBot } from '../../../../lib/cli/check/bot.ts'
import { CHECKS } from '../../../../lib/cli/check/checks.ts'
import { createScenes } from '../../../../lib/cli/check/scenes.ts'
import { wallClock } from '../../../../lib/util/clock.ts'
import type { Clock } from '../../../../lib/util/clock.ts'
import { carriedTo, createSmallBot } from '../../../fixtures/small-bot.ts'
import type { Quirks, Reply } from '../../../fixtures/small-bot.ts'
import { pad, sign } from '../../../fixtures/wecom-crypto.ts'

const keys = { token: 'a-token', encodingAESKey: 'kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR', receiveId: '' }

/** A clock that can be put forward, so that nobody has to wait for who is slow. */
function createJumpingClock (): Clock & { jump (ms: number): void } {
  let ahead = 0
  return { ...wallClock, now: () => Date.now() + ahead, jump: ms => { ahead += ms } }
}

async function verdictsOf (quirks: Quirks, { clock = wallClock, echo = false }: { clock?: Clock, echo?: boolean } = {}) {
  const deliver = carriedTo(createSmallBot(keys, quirks))
  const { signal } = new AbortController()
  const options = { deliver, credentials: keys, clock, prompt: 'hello', intervalMs: 0, timeoutMs: 60_000, signal }
  const bot = createBot(options)
  const context = { ...createScenes({ ...options, bot }), bot, prompt: 'hello', echo }
  const verdicts: Record<string, string> = {}
  const reasons: Record<string, string> = {}
  for (const check of CHECKS) {
    const verdict = await check.run(context)
    verdicts[check.name] = verdict.status
    if (verdict.status !== 'PASS') reasons[check.name] = verdict.reason
  }
  return { verdicts, reasons }
}

const BAD: Reply = { status: 400, body: 'Bad Request' }
const isEvent = (type: string) => (message: any) => message.msgtype === 'event' && message.event.eventtype === type
const when = (is: (message: any) => boolean, reply: Reply): Quirks => ({ message: message => is(message) ? reply : undefined })
const ofType = (msgtype: string): Quirks => when(message => message.msgtype === msgtype, BAD)
const inFrame = (change: (stream: any, context: { message: any, refreshes: number, over: number }) => object | undefined): Quirks =>
  ({ frame: (fields, context) => ({ ...fields, stream: { ...fields['stream'], ...change(fields['stream'], context) } }) })
const isPost = ({ method }: { method: string }): boolean => method === 'POST'

const SHORT = 'AAAAAAAAAAAAAAAAAAAAAA=='
const IMAGE = { msgtype: 'image', image: { base64: 'AAAA', md5: '0'.repeat(32) } }

interface Sabotage extends Quirks {
  echo?: (text: string) => string
  /** Milliseconds by which the clock jumps during a call. */
  slow?: (jump: (ms: number) => void) => Quirks
  /** What cannot be judged then. */
  skipped?: string[]
  withEcho?: boolean
}

/** The name of the check that finds it, and what is done to the bot. Several for one check have a word behind it. */
const SABOTAGES: Record<string, Sabotage> = {
  'verify.echo as a number': { echo: text => String(Number(text) + 0) },
  'verify.echo of something else': {
    echo: text => text.startsWith('1616140317555161061') ? '0' : text
  },
  'verify.echo not at all': {
    call: ({ method }) => method === 'GET' && ++gets === 1 ? { body: '', broken: true } : undefined,
    skipped: ['verify.bare', 'verify.in-time']
  },
  'verify.bare in quotes': { echo: text => JSON.stringify(text) },
  'verify.bare with a byte order mark': { echo: text => `\uFEFF${text}` },
  'verify.bare with a line break': { echo: text => `${text}\n` },
  'verify.bare in JSON': { echo: text => `{"echostr":${text}}` },
  'verify.in-time': { slow: jump => ({ echo: text => { jump(1500); return text } }) },
  'verify.base64 decoded twice': {
    call: ({ url }) => { url.searchParams.set('echostr', (url.searchParams.get('echostr') ?? '').replaceAll('+', ' ')); return undefined }
  },
  'verify.signature': { signature: (isRight, _given, call) => isRight || !isPost(call) },
  'crypto.signature in another order': {
    sealed: fields => ({ ...fields, msgsignature: sign(fields['encrypt'], fields['timestamp'], keys.token, 'x') })
  },
  'crypto.padding-32 to 16': {
    layout: layout => {
      const length = 20 + Buffer.byteLength(layout.text)
      const count = 16 - length % 16
      return { ...layout, padding: Buffer.alloc(count, count) }
    }
  },
  'crypto.padding-32 with zeros': {
    layout: layout => {
      const count = pad(Buffer.alloc(20 + Buffer.byteLength(layout.text))).length
      return { ...layout, padding: Buffer.alloc(count, 0).fill(count, count - 1) }
    }
  },
  'crypto.padding-32 broken': {
    sealed: fields => {
      const encrypt = Buffer.from(fields['encrypt'], 'base64').subarray(0, -3).toString('base64')
      return ++seals === 2 ? { ...fields, encrypt, msgsignature: sign(keys.token, fields['timestamp'], fields['nonce'], encrypt) } : fields
    }
  },
  'crypto.length in characters': { layout: layout => ({ ...layout, length: String(layout.text).length }) },
  'crypto.receiver of the company': { layout: layout => ({ ...layout, receiveId: 'ww1234567890abcdef' }) },
  'crypto.random always the same': { layout: layout => ({ ...layout, random: Buffer.from('0123456789abcdef') }) },
  'crypto.any-padding of a block only': {
    open: ({ text, receiveId }) => receiveId === '' && pad(Buffer.alloc(20 + Buffer.byteLength(text))).length <= 16 ? text : undefined
  },
  'crypto.any-padding of messages': {
    open: ({ text, receiveId }) =>
      receiveId === '' && (!text.startsWith('{') || pad(Buffer.alloc(20 + Buffer.byteLength(text))).length <= 16) ? text : undefined
  },
  'crypto.padding-32 far too short': {
    sealed: fields => ++shorts === 2
      ? { ...fields, encrypt: SHORT, msgsignature: sign(keys.token, fields['timestamp'], fields['nonce'], SHORT) }
      : fields
  },
  'crypto.utf-8 by characters': {
    open: ({ text, receiveId }) => receiveId === '' ? Buffer.from(text).subarray(0, text.length).toString() : undefined
  },
  'crypto.refuses-signature': { signature: (isRight, given, call) => isPost(call) ? given !== null : isRight },
  'crypto.refuses-unsigned': { signature: (isRight, given) => isRight || given === null },
  'crypto.refuses-receiver': { open: ({ text }) => text },
  'crypto.survives-garbage': {
    call: call => isPost(call) && !call.body.startsWith('{"encrypt":"') ? { body: '', broken: true } : undefined
  },
  'crypto.survives-garbage as an envelope': {
    call: call => isPost(call) && call.body === '[]' ? { body: '', sealed: {} } : undefined
  },
  'crypto.survives-garbage not for long': (() => {
    let dying = false
    return {
      call: call => {
        if (dying) {
          dying = false
          return { body: '', broken: true }
        }
        dying = call.body.startsWith('<xml>')
        return undefined
      }
    }
  })(),
  'reply.status 201': { reply: reply => ({ ...reply, status: 201 }) },
  'reply.fields with an underscore': { sealed: ({ msgsignature, ...fields }) => ({ ...fields, msg_signature: msgsignature }) },
  'reply.timestamp in milliseconds': {
    sealed: fields => {
      const timestamp = Date.now()
      return { ...fields, timestamp, msgsignature: sign(keys.token, String(timestamp), fields['nonce'], fields['encrypt']) }
    }
  },
  'reply.nonce of its own': {
    sealed: fields => ({
      ...fields, nonce: 'mine', msgsignature: sign(keys.token, String(fields['timestamp']), 'mine', fields['encrypt'])
    })
  },
  'reply.json': { frame: (fields, { refreshes, over }) => refreshes === 2 && over === 0 ? 'thinking' : fields },
  'message.answer with markdown': {
    frame: (fields, { message }) => message['from'].userid === 'simulated-user' && message['msgtype'] === 'text'
      ? { ...fields, msgtype: 'markdown' }
      : fields
  },
  'message.in-time': {
    slow: jump => ({
      message: message => {
        if (message['msgtype'] === 'text') jump(6000)
        return undefined
      }
    })
  },
  'message.group': when(message => message.chattype === 'group', BAD),
  'message.quote': when(message => message.quote !== undefined, BAD),
  'message.image': ofType('image'),
  'message.image in plain text': when(message => message.msgtype === 'image', { body: 'A nice picture!' }),
  'message.image not at all': when(message => message.msgtype === 'image', { body: '', broken: true }),
  'message.mixed': ofType('mixed'),
  'message.voice': ofType('voice'),
  'message.file': ofType('file'),
  'message.video': ofType('video'),
  'message.unknown-type': ofType('simulated'),
  'message.repeats after the end': { known: ({ over }) => over === 0 },
  'message.repeats-at-once': (() => {
    let seen = 0
    return inFrame(({ id }, { message }) => message.from.userid === 'simulated-twins' && ++seen === 2 ? { id: `${id}0` } : {})
  })(),
  'message.three-at-once': (() => {
    let seen = 0
    return when(message => message.from.userid === 'simulated-hurry' && ++seen === 3, { status: 429, body: '' })
  })(),
  'stream.id a number': inFrame(({ id }) => ({ id: Number(/\d+/.exec(id)?.[0]) })),
  'stream.unique': inFrame((_stream, { message }) => message.from.userid === 'simulated-twins' ? { id: 'stream-1' } : {}),
  'stream.finish left out': inFrame(({ finish }) => ({ finish: finish || undefined })),
  'stream.finish never': {
    ...inFrame((_stream, { message }) => message.stream?.id.startsWith('simulated') ? {} : { finish: false }),
    slow: jump => ({
      message: message => {
        if (message['stream']?.id === 'stream-1') jump(4000)
        return undefined
      }
    }),
    skipped: ['stream.visible-end', 'refresh.after-end']
  },
  'stream.content too long': inFrame(({ content, finish }) => finish ? { content: content.padEnd(20481, '.') } : {}),
  'stream.content left out': inFrame((_stream, { refreshes }) => refreshes === 1 ? { content: undefined } : {}),
  'stream.well-formed': inFrame(({ content }, { refreshes }) => refreshes === 2 ? { content: `${content}\uFFFD` } : {}),
  'stream.snapshots of the newest part': inFrame(({ content }, { refreshes }) =>
    refreshes > 1 ? { content: content.slice(content.length * (refreshes - 1) / refreshes) } : {}),
  'stream.visible-end': inFrame(({ finish }) => finish ? { content: ' \u200B' } : {}),
  'stream.images too early': inFrame(({ finish }) => finish ? {} : { msg_item: [] }),
  'stream.images of another form': inFrame(({ finish }) => finish ? { msg_item: [{ msgtype: 'image', image: { base64: 'AAAA' } }] } : {}),
  'stream.images too many': inFrame(({ finish }) => finish ? { msg_item: Array.from({ length: 11 }, () => IMAGE) } : {}),
  'stream.images without an image': inFrame(({ finish }) => finish ? { msg_item: [null] } : {}),
  'stream.card twice': {
    frame: (fields, { refreshes, over }) => refreshes > 0 && over === 0
      ? { ...fields, msgtype: 'stream_with_template_card', template_card: { n: refreshes } }
      : fields
  },
  'stream.card in a plain stream': {
    frame: (fields, { refreshes }) => refreshes > 2 ? { ...fields, template_card: {} } : fields
  },
  'refresh.answer without one': { reply: (reply, { stream }) => stream?.id === 'stream-1' && ++asked === 1 ? { body: 'success' } : reply },
  'refresh.answer with an error': { message: ({ stream }) => stream?.id === 'stream-1' && ++errors === 1 ? BAD : undefined },
  'refresh.in-time': {
    slow: jump => ({
      message: message => {
        if (message['stream']?.id === 'stream-1') jump(6000)
        return undefined
      }
    })
  },
  'refresh.same-id': inFrame(({ id }, { message }) => message.stream?.id === 'stream-1' ? { id: `${id}0` } : {}),
  'refresh.repeats one at a time': (() => {
    let open = 0
    return {
      async message ({ msgtype }) {
        if (msgtype !== 'stream') return undefined
        const reply = ++open > 1 ? { status: 409, body: '' } : undefined
        await new Promise(resolve => setImmediate(resolve))
        open--
        return reply
      }
    }
  })(),
  'refresh.repeats with another text': inFrame(({ content }, { over }) => over === 1 ? { content: `${content}.` } : {}),
  'refresh.after-end forgotten': inFrame((_stream, { over }) => over > 3 ? { content: 'Who are you?' } : {}),
  'refresh.after-end open again': inFrame((_stream, { over }) => over > 2 ? { finish: false } : {}),
  'refresh.after-end in silence': when(message => message.stream?.id === 'stream-1' && ++silences > 7, { body: '' }),
  'refresh.unknown with an error': {
    ...when(message => message.stream?.id === 'simulated-unknown-stream', { status: 404, body: '' }),
    skipped: ['crypto.any-padding', 'crypto.utf-8', 'refresh.content-type', 'refresh.new-fields']
  },
  'refresh.unknown': inFrame((_stream, { message }) => message.stream?.id === 'simulated-unknown-stream' ? { finish: false } : {}),
  'refresh.content-type': {
    call: call => isPost(call) && !/^application\/json/.test(String(call.headers['content-type'])) ? { status: 415, body: '' } : undefined
  },
  'refresh.new-fields': when(message => 'simulated' in message && message.msgtype === 'stream', BAD),
  'event.enter-chat with a stream': when(isEvent('enter_chat'), { body: 'Welcome!' }),
  'event.enter-chat with an answer': when(isEvent('enter_chat'), { body: '', sealed: { msgtype: 'stream', stream: {} } }),
  'event.card without a word of it': when(isEvent('template_card_event'), { body: 'done' }),
  'event.card of another task': when(isEvent('template_card_event'), { body: '', sealed: { response_type: 'update_template_card' } }),
  'event.card late': {
    slow: jump => ({
      message: message => {
        if (isEvent('template_card_event')(message)) jump(6000)
        return undefined
      }
    })
  },
  'event.feedback with thanks': when(isEvent('feedback_event'), { body: 'Thank you' }),
  'event.unknown': when(isEvent('simulated_event'), BAD),
  'echo.prompt': { ...inFrame(({ content }) => ({ content: content.replace('hello', 'hullo') })), withEcho: true },
  'echo.multibyte': { ...inFrame(({ content }) => ({ content: content.replaceAll('&amp;', '&') })), withEcho: true }
}
let [asked, gets, seals, silences, errors, shorts] = [0, 0, 0, 0, 0, 0]

t.test('a bot that keeps to the protocol passes, or is skipped for a reason', async t => {
  const { verdicts, reasons } = await verdictsOf({}, { echo: true })
  t.strictSame(reasons, { 'stream.images': 'no image came', 'stream.card': 'no card came' })
  t.equal(Object.keys(verdicts).length, CHECKS.length)
  t.equal(new Set(CHECKS.map(({ name }) => name)).size, CHECKS.length)
})

t.test('what is allowed besides is taken, too', async t => {
  const { verdicts, reasons } = await verdictsOf({
    message: message => {
      if (isEvent('enter_chat')(message)) return { body: '', sealed: { msgtype: 'text', text: { content: 'Hello' } } }
      if (isEvent('template_card_event')(message)) {
        return { body: '', sealed: { response_type: 'update_template_card', template_card: { task_id: 'simulated-task' } } }
      }
      if (message['msgtype'] === 'image') return { body: 'success' }
      return isEvent('feedback_event')(message) ? { body: '', sealed: {} } : undefined
    },
    frame: (fields, { refreshes }) => {
      const stream = fields['stream']
      return refreshes < 3
        ? fields
        : {
            msgtype: 'stream_with_template_card',
            template_card: { card_type: 'text_notice' },
            stream: { ...stream, ...(stream.finish && { content: '', msg_item: [IMAGE] }) }
          }
    }
  })
  const unseen = Object.entries(verdicts).filter(([, status]) => status !== 'PASS').map(([name]) => name)
  t.strictSame(unseen, ['echo.prompt', 'echo.multibyte'], JSON.stringify(reasons))
})

t.test('a bot that answers with a card alone has no stream to judge', async t => {
  const { verdicts } = await verdictsOf(when(message => message.msgtype === 'text', {
    body: '', sealed: { msgtype: 'template_card', template_card: {} }
  }))
  t.equal(verdicts['message.answer'], 'PASS')
  t.equal(verdicts['message.repeats'], 'SKIP')
  t.equal(verdicts['refresh.answer'], 'SKIP')
  t.equal(verdicts['stream.unique'], 'SKIP')
  t.notOk(Object.values(verdicts).includes('FAIL'))
})

t.test('a bot that never answers its messages is not waited for twice', async t => {
  const clock = { ...wallClock, setTimeout: (callback: () => void, ms: number) => wallClock.setTimeout(callback, ms / 500) }
  const { verdicts, reasons } = await verdictsOf({ message: async () => await new Promise(() => {}) }, { clock })
  t.match(reasons, {
    'message.answer': 'there was no answer within 5 s', 'reply.status': 'there was no answer: see message.answer', 'event.unknown': /within 5 s/
  })
  t.equal(verdicts['verify.echo'], 'PASS')
})

t.test('each fault is found by the name of its check, and no other check is disturbed', async t => {
  const healthy = { plain: (await verdictsOf({})).verdicts, echo: (await verdictsOf({}, { echo: true })).verdicts }
  for (const [title, { slow, skipped = [], withEcho = false, ...quirks }] of Object.entries(SABOTAGES)) {
    const name = title.split(' ')[0] as string
    const clock = createJumpingClock()
    const { verdicts, reasons } = await verdictsOf({ ...quirks, ...slow?.(clock.jump) }, { clock, echo: withEcho })
    const unseen = Object.fromEntries(skipped.map(name => [name, 'SKIP']))
    const wanted = { ...(withEcho ? healthy.echo : healthy.plain), ...unseen, [name]: 'FAIL' }
    t.strictSame(verdicts, wanted, `${title}: ${JSON.stringify(reasons)}`)
  }
})

t.test('every check has a bot that fails it', t => {
  const found = new Set(Object.keys(SABOTAGES).map(title => title.split(' ')[0]))
  t.strictSame(CHECKS.map(({ name }) => name).filter(name => !found.has(name)), [])
  t.end()
})
