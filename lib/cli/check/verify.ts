import { isEchoed } from './bot.ts'
import { fail, PASS, skip, unanswered } from './check.ts'
import type { Check } from './check.ts'

const ECHO_LIMIT_MS = 1000
export const verifyChecks: readonly Check[] = [
  {
    name: 'verify.echo',
    document: 101033,
    about: 'a GET with msg_signature, timestamp, nonce and echostr is answered with 200 and the decrypted echostr',
    scenes: ['verification'],
    async run ({ verification }) {
      const wire = await verification()
      const reason = unanswered(wire)
      if (reason !== undefined) return fail(reason, wire)
      if (wire.answer?.body.includes(wire.text) === true) return PASS
      return fail(isEchoed(wire)
        ? 'the echo went through a number, which holds 16 digits only'
        : 'the body is not the decrypted echostr', wire)
    }
  },
  {
    name: 'verify.bare',
    document: 101033,
    about: 'nothing stands around the echo: no quotes, no byte order mark, no line break, no JSON',
    scenes: ['verification'],
    async run ({ verification }) {
      const wire = await verification()
      if (unanswered(wire) !== undefined) return skip('there is no echo: see verify.echo')
      const { body } = wire.answer as { body: string }
      if (body.startsWith('\uFEFF')) return fail('it begins with a byte order mark', wire)
      if (/^"/.test(body)) return fail('it stands in quotes: the text went through a JSON serializer', wire)
      if (/^\s*[{[<]/.test(body)) return fail('it is wrapped in JSON or HTML', wire)
      return body === body.trim() ? PASS : fail('there is white space or a line break around it', wire)
    }
  },
  {
    name: 'verify.in-time',
    document: 101033,
    about: 'the echo comes within 1 s',
    scenes: ['verification'],
    async run ({ verification }) {
      const wire = await verification()
      if (wire.answer === undefined) return skip('there is no echo: see verify.echo')
      return wire.tookMs <= ECHO_LIMIT_MS ? PASS : fail(`it came after ${Math.round(wire.tookMs)} ms`, wire)
    }
  },
  {
    name: 'verify.base64',
    document: 101033,
    about: 'the query is decoded once: + and / of echostr arrive as they are',
    scenes: [],
    async run ({ bot }) {
      const wire = await bot.get('1616140317555161062', { isWanted: sealed => /\+.*\//.test(sealed) })
      return isEchoed(wire) ? PASS : fail(`it was not echoed: the status is ${wire.answer?.statusCode}`, wire)
    }
  },
  {
    name: 'verify.signature',
    document: 91144,
    about: 'a GET with a wrong msg_signature is not answered with the decrypted text',
    scenes: [],
    async run ({ bot }) {
      const wire = await bot.get('1616140317555161063', { query: { msg_signature: '0'.repeat(40) } })
      return wire.answer?.body.includes(wire.text) === true ? fail('the echo was given all the same', wire) : PASS
    }
  }
]
