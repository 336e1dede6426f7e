import t from 'tap'
import { createActiveReplies } from '../../../lib/playground/active-replies.ts'
import { EXAMPLES } from '../../../lib/playground/examples.ts'
import { createMediaBox } from '../../../lib/playground/media-box.ts'
import { createSwitchBoard } from '../../../lib/playground/switches.ts'
import { cardFaults, cardWarnings, readImages } from '../../../lib/playground/warnings.ts'
import { decryptMedia, readMediaKey } from '../../../lib/wecom/media/cipher.ts'
import { readImage } from '../../../lib/wecom/reply-images.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import { CREDENTIALS } from '../../fixtures/playground.ts'

const MINUTE = 60_000

t.test('a file is sealed as WeCom keeps it, for five minutes', async t => {
  let now = 0
  const box = createMediaBox({ encodingAESKey: CREDENTIALS.encodingAESKey, maxFileBytes: 100, maxBytes: 250, now: () => now })
  const key = readMediaKey(CREDENTIALS.encodingAESKey) as Buffer
  for (const length of [1, 15, 16, 31, 32, 33]) {
    const data = Buffer.alloc(length, 7)
    const { headers, body } = box.sealed(box.put('报告 (1).pdf', data).id) ?? {}
    t.equal(Number(body?.length) % 32, 0)
    t.strictSame(await decryptMedia(Buffer.from(body as Buffer), key), data, `${length} bytes`)
    const disposition = "attachment; filename*=UTF-8''%E6%8A%A5%E5%91%8A%20(1).pdf"
    t.hasStrict(headers, { 'content-disposition': disposition, 'content-length': body?.length })
  }
  const { id } = box.put('x', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'))
  t.hasStrict(box.get(id), { type: 'image/png' })
  now += 5 * MINUTE
  t.ok(box.sealed(id))
  now += 1
  t.equal(box.sealed(id), undefined)
  t.ok(box.get(id), 'the page still shows it')
  box.renew(id)
  box.renew('unknown')
  t.ok(box.sealed(id))
  t.equal(box.sealed('unknown'), undefined)
  t.throws(() => box.put('x', Buffer.alloc(0)), { code: 'WECOM_ERR_INPUT' })
  t.throws(() => box.put('x', Buffer.alloc(101)), { code: 'WECOM_ERR_INPUT' })
  box.put('x', Buffer.alloc(100))
  box.put('x', Buffer.alloc(100))
  t.ok(box.get(id))
  box.put('x', Buffer.alloc(100))
  t.equal(box.get(id), undefined, 'the oldest make way')
})

t.test('an active reply is taken once, within an hour, and judged', async t => {
  let now = 0
  const active = createActiveReplies(() => now)
  const shown: unknown[] = []
  const open = (isGroup = false) => active.open({
    isGroup, onReply: (message, _body, { errcode }) => shown.push([message['msgtype'], errcode])
  })
  const markdown = (content: unknown) => JSON.stringify({ msgtype: 'markdown', markdown: { content } })
  const card = JSON.stringify({ msgtype: 'template_card', template_card: {} })
  const code = open()
  for (const wrong of [
    '', '[]', '{"encrypt":"x"}', '{"msgtype":"text"}', '{"msgtype":"markdown"}', markdown(''), markdown(1), markdown('长'.repeat(6827)),
    '{"msgtype":"template_card"}'
  ]) {
    t.match(active.receive(code, wrong), { errcode: 40008, errmsg: /./ }, wrong.slice(0, 40))
  }
  t.hasStrict(active.receive(open(true), card), { errcode: 40008 }, 'no card in a group')
  t.hasStrict(active.receive(code, markdown('hi')), { errcode: 0 })
  t.hasStrict(active.receive(code, markdown('hi')), { errcode: 60140 })
  t.hasStrict(active.receive('unknown', markdown('hi')), { errcode: 60140 })
  t.hasStrict(active.receive(open(), card), { errcode: 0 })
  t.strictSame(shown.slice(-3), [['template_card', 40008], ['markdown', 0], ['template_card', 0]])
  const [soon, late] = [open(), open()]
  now += 60 * MINUTE
  t.hasStrict(active.receive(soon, markdown('hi')), { errcode: 0 })
  now += 1
  t.hasStrict(active.receive(late, markdown('hi')), { errcode: 60140 })
  const first = open()
  for (let n = 0; n < 999; n++) open()
  t.hasStrict(active.receive(first, ''), { errcode: 40008 })
  open()
  t.hasStrict(active.receive(first, ''), { errcode: 60140 }, 'the oldest of a thousand make way')
})

t.test('switches are used up, the network comes back by itself, and stopped refreshes go on', async t => {
  const clock = createManualClock()
  const states: boolean[] = []
  const board = createSwitchBoard(clock, ({ offline }) => states.push(offline))
  board.set({ repeat: true, refreshMs: 50 })
  t.strictSame([board.use('repeat'), board.use('repeat'), board.state.refreshMs], [true, false, 50])
  board.set({ offline: true })
  await clock.advance(9_999)
  t.equal(board.state.offline, true)
  board.set({ offline: true })
  await clock.advance(9_999)
  t.equal(board.state.offline, true, 'ten seconds from the last time')
  await clock.advance(1)
  t.equal(board.state.offline, false)
  t.equal(states.at(-1), false)
  board.set({ offline: true })
  board.set({ offline: false })
  t.equal(clock.pending, 0)

  const leave = new AbortController()
  await board.running(leave.signal)
  board.set({ stopped: true })
  let went = 0
  const waiting = board.running(leave.signal).then(() => went++)
  const left = board.running(leave.signal)
  board.set({ repeat: true })
  await clock.advance(1)
  t.equal(went, 0)
  board.set({ stopped: false })
  await waiting
  await left
  board.set({ stopped: true })
  const rejected = t.rejects(board.running(leave.signal), new Error('left'))
  leave.abort(new Error('left'))
  await rejected
  await t.rejects(board.running(leave.signal), new Error('left'))
  board.set({ offline: true })
  board.close()
  t.equal(clock.pending, 0)
})

t.test('a card that real clients would not show, or WeCom would refuse, is warned of', async t => {
  const used = new Set<string>()
  const vote = EXAMPLES.find(({ name }) => name === 'vote_interaction')?.json ?? {}
  t.strictSame(cardWarnings(vote, { via: 'stream', used }), [{ code: 'card-on-stream' }])
  t.strictSame(cardWarnings(vote, { via: 'stream', isFirstFrame: false, isLastFrame: true, used }), [
    { code: 'late-card' }, { code: 'task-id-used', detail: 'vote-1' }
  ])
  t.strictSame(cardWarnings({ ...vote, task_id: 'vote-2' }, { via: 'stream', isLastFrame: true, used }), [{ code: 'card-on-stream' }])
  t.strictSame(cardWarnings(vote, { via: 'update', used }), [], 'an update has the task_id of what it replaces')
  const { task_id: _, ...notice } = EXAMPLES.find(({ name }) => name === 'text_notice')?.json ?? {}
  t.strictSame(cardWarnings(notice, { via: 'update', used }), [{ code: 'notice-update' }])
  t.strictSame(cardWarnings(notice, { via: 'active', used }), [])
  t.match(cardWarnings({ card_type: 'vote_interaction' }, { via: 'welcome', used }), Array.from({ length: 4 }, () => ({ code: 'card-refused', detail: /: is missing$/ })))
  t.match(cardFaults({ card_type: 'x' }), [/^card_type: must be /])
})

t.test('the images of a frame are read, and warned of', async t => {
  const png = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64'
  )
  const image = readImage(png) as { base64: string, md5: string }
  t.strictSame(readImages([{ msgtype: 'image', image }]), { images: [png.toString('base64')], warnings: [] })
  const wrong = [{ ...image, md5: 'x' }, { base64: 'bm90aGluZw==', md5: '' }, { base64: 1 }, {}, null]
  const bad = wrong.map(image => ({ msgtype: 'image', image }))
  t.strictSame(readImages([...bad, 1]), { images: [], warnings: Array.from({ length: 6 }, () => ({ code: 'image-broken' })) })
  t.strictSame(readImages('x'), { images: [], warnings: [] })
  const large = Buffer.concat([png, Buffer.alloc(512 * 1024)])
  t.match(readImages([{ image: readImage(png) }, { image: { base64: large.toString('base64') } }]).warnings, [
    { code: 'image-broken' }, { code: 'images-over-budget', detail: String(large.length + png.length) }
  ])
})

t.test('each example is what the documents have, and none leads to WeCom', async t => {
  for (const { name, kind, json } of EXAMPLES) {
    if (kind === 'card') t.strictSame(cardFaults(json), [], name)
    else t.type(kind === 'message' ? json['msgtype'] : json['eventtype'], 'string', name)
  }
  t.notMatch(JSON.stringify(EXAMPLES), /qq\.com|myqcloud/)
})
