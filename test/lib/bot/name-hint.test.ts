import t from 'tap'
import { hintAtName } from '../../../lib/bot/name-hint.ts'
import { readMessage } from '../../../lib/wecom/message.ts'
import { createLog } from '../../fixtures/log.ts'

const group = readMessage({ msgtype: 'text', chattype: 'group', chatid: 'g' })
const said = (text: string) => ({ text, media: [] })

t.test('without a name, the first message of a group is a hint at it, once, with the first word of the mention', async t => {
  const log = createLog()
  const hint = hintAtName('', log)
  hint(readMessage({ msgtype: 'text', chattype: 'single', from: { userid: 'u' } }), said('@Single hi'))
  t.strictSame(log.lines, [])
  hint(group, said('hi @Claude Code, what is private?'))
  hint(group, said('@Other hi'))
  t.match(log.lines, [{ level: 'info', message: /WECOM_BOT_NAME/, fields: { mention: 'Claude' } }])
  t.equal(log.lines.length, 1)
  t.notMatch(JSON.stringify(log.lines), 'private')
})

t.test('the word is cut between characters, and left out if there is none', async t => {
  for (const [text, fields] of [[`@${'😀'.repeat(40)}`, { mention: '😀'.repeat(32) }], ['', {}]] as const) {
    const log = createLog()
    hintAtName('', log)(group, said(text))
    t.strictSame(log.lines[0]?.fields, fields)
  }
})

t.test('with a name there is no hint', async t => {
  const log = createLog()
  hintAtName('Robot', log)(group, said('@Robot hi'))
  t.strictSame(log.lines, [])
})
