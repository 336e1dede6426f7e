import { isEchoed } from './bot.ts'
import type { Bot, Sending, Wire } from './bot.ts'
import { fail, failFirst, PASS, probing, skip, unanswered } from './check.ts'
import type { Check, Verdict } from './check.ts'
import { PROBE, PROBER } from './scenes.ts'

/** The ends, the middle, and both sides of the block of AES, where libraries go wrong. */
const PADDINGS = [1, 2, 8, 15, 16, 17, 24, 31, 32]

/** A refresh of the conversation that is sealed or signed otherwise must not be answered with its content. */
const refuses = (name: string, about: string, sending: Sending): Check => ({
  name,
  document: 91144,
  about,
  scenes: ['conversation'],
  async run ({ bot, conversation }) {
    const { id, sender } = await conversation()
    if (id === undefined) return skip('no stream was begun: see message.answer')
    const wire = await bot.post({ msgtype: 'stream', stream: { id } }, sender, sending)
    return wire.opened === undefined ? PASS : fail('it was answered all the same', wire)
  }
})

/** Looks at the sealed replies of the conversation. */
const replies = (name: string, document: number, about: string, find: (wires: readonly Wire[]) => Verdict): Check => ({
  name,
  document,
  about,
  scenes: ['conversation', 'afterwards'],
  async run ({ conversation, afterwards }) {
    const { wires, id } = await conversation()
    const later = id === undefined ? [] : (await afterwards()).serial
    const sealed = [...wires, ...later].filter(wire => wire.opened !== undefined)
    return sealed.length === 0 ? skip('no sealed reply came') : find(sealed)
  }
})

type FaultName = keyof NonNullable<Wire['opened']>['faults']
const faultless = (name: FaultName) => (wires: readonly Wire[]): Verdict => failFirst(wires, wire => wire.opened?.faults[name])

async function openAnyPadding (bot: Bot): Promise<Verdict> {
  for (const padding of PADDINGS) {
    const echo = await bot.get('1616140317', { padding })
    if (!isEchoed(echo)) return fail(`a text with ${padding} bytes of padding was not echoed`, echo)
    const probe = await bot.post(PROBE, PROBER, { padding })
    const reason = unanswered(probe)
    if (reason !== undefined) return fail(`with ${padding} bytes of padding ${reason}`, probe)
  }
  return PASS
}

/** None of these is an envelope. */
const GARBAGE = ['', '{', '[]', 'null', '{"encrypt":1}', '{"encrypt":"!"}', '<xml></xml>']

export const cryptoChecks: readonly Check[] = [
  replies('crypto.signature', 101033, 'msgsignature is that of token, timestamp, nonce and encrypt', faultless('signature')),
  replies('crypto.padding-32', 91144, 'replies are padded to a multiple of 32 bytes', faultless('padding')),
  replies('crypto.length', 91144, 'the length before the text counts bytes', faultless('length')),
  replies('crypto.receiver', 91144, 'the receiver id, which may be empty, stands behind the text', faultless('receiver')),
  replies('crypto.random', 91144, 'every reply begins with 16 fresh random bytes', wires => {
    const seen = new Set<string>()
    return failFirst(wires, ({ opened }) => {
      const random = (opened as { random: string }).random
      if (seen.has(random)) return 'the 16 random bytes have been used before'
      seen.add(random)
      return undefined
    })
  }),
  probing('crypto.any-padding', 91144, 'requests with 1 to 32 bytes of padding are opened', openAnyPadding),
  probing('crypto.utf-8', 91144, 'the length of a request is taken in bytes: text of other alphabets is opened whole', async bot =>
    failFirst([await bot.post(PROBE, { user: 'simulated-用户😀' })], unanswered)),
  refuses('crypto.refuses-signature', 'a POST with a wrong msg_signature is refused', { query: { msg_signature: '0'.repeat(40) } }),
  refuses('crypto.refuses-unsigned', 'a POST without msg_signature is refused', { query: { msg_signature: undefined } }),
  refuses('crypto.refuses-receiver', 'a POST that is sealed for another receiver id is refused', {
    credentials: { receiveId: 'simulated-other' }
  }),
  {
    name: 'crypto.survives-garbage',
    document: 101033,
    about: 'a body that is no envelope is answered, and the callback works on',
    scenes: [],
    async run ({ bot }) {
      for (const body of GARBAGE) {
        const wire = await bot.post(PROBE, PROBER, { body })
        if (wire.answer === undefined) return fail(`the body ${JSON.stringify(body)} was not answered`, wire)
        if (wire.opened !== undefined) return fail(`the body ${JSON.stringify(body)} was taken for an envelope`, wire)
      }
      const wire = await bot.post(PROBE, PROBER)
      return wire.answer === undefined ? fail('behind it nothing was answered', wire) : PASS
    }
  }
]
