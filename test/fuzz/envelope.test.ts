import { randomInt } from 'node:crypto'
import t from 'tap'
import { RefusalError } from '../../lib/util/errors.ts'
import { createEnvelope, type Sealed } from '../../lib/wecom/envelope.ts'
import { decrypt, encryptBytes, encryptLayout, open, pad, signed } from '../fixtures/wecom-crypto.ts'

const runs = Number(process.env['FUZZ_RUNS'] ?? 100_000)
const seed = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31))

const at = '1700000000'
const nonce = '1320562132'
const freshness = { now: Number(at) * 1000, windowMs: 300_000 }

/** mulberry32: a stream of numbers from 0 to below 1 for each run, so that one run can be replayed. */
function createRandom (seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function createTools (random: () => number) {
  const below = (limit: number): number => Math.floor(random() * limit)
  const pick = <T>(choices: readonly T[]): T => choices[below(choices.length)] as T
  const bytes = (size: number): Buffer => Buffer.from(Array.from({ length: size }, () => below(256)))
  const text = (): string => {
    const points = Array.from(
      { length: below(60) }, () => pick([below(0x80), 0x4e00 + below(0x5200), 0x1f300 + below(0x300), 0xe000 + below(0x2000)])
    )
    return String.fromCodePoint(...points)
  }
  const flip = (value: string): string => {
    const index = below(value.length)
    return value.slice(0, index) + String.fromCharCode(value.charCodeAt(index) ^ (1 << below(8))) + value.slice(index + 1)
  }
  const insert = (value: string): string => {
    const index = below(value.length + 1)
    return value.slice(0, index) + pick(['A', '=', '0', ' ', '\n', '\0', '+', '签', bytes(4).toString('base64')]) + value.slice(index)
  }
  const cut = (value: string): string => pick([value.slice(0, below(value.length)), value.slice(1 + below(value.length))])
  const edit = (value: string): string => value === '' ? insert(value) : pick([flip, insert, cut])(value)
  return { below, pick, bytes, text, edit }
}

type Tools = ReturnType<typeof createTools>
interface Case { sealed: Sealed, keys: { token: string, encodingAESKey: string, receiveId: string }, text: string }

const FIELDS = ['signature', 'timestamp', 'nonce', 'encrypt'] as const
const resigned = ({ sealed, keys }: Case, encrypt: string): Sealed => signed(keys.token, encrypt, sealed.timestamp, sealed.nonce)

const MUTATIONS: Record<string, (tools: Tools, made: Case) => Sealed> = {
  'nothing changed': (_tools, { sealed }) => sealed,
  'one field edited' ({ pick, edit }, { sealed }) {
    const field = pick(FIELDS)
    return { ...sealed, [field]: edit(sealed[field]) }
  },
  'several edits' ({ pick, edit, below }, { sealed }) {
    const edited = { ...sealed }
    for (let n = 2 + below(4); n > 0; n--) {
      const field = pick(FIELDS)
      edited[field] = edit(edited[field])
    }
    return edited
  },
  'two fields swapped' ({ pick }, { sealed }) {
    const [a, b] = [pick(FIELDS), pick(FIELDS)]
    return { ...sealed, [a]: sealed[b], [b]: sealed[a] }
  },
  'characters moved between time and nonce' ({ below }, { sealed }) {
    const digits = sealed.timestamp + sealed.nonce
    const middle = below(digits.length)
    return { ...sealed, timestamp: digits.slice(0, middle), nonce: digits.slice(middle) }
  },
  'a ciphertext of random blocks': ({ bytes, below }, made) =>
    resigned(made, bytes(below(5) * 16 + below(2) * below(16)).toString('base64')),
  'an edited ciphertext, signed again': ({ edit }, made) => resigned(made, edit(made.sealed.encrypt)),
  'a bit of the ciphertext flipped, signed again' ({ below }, made) {
    const cipher = Buffer.from(made.sealed.encrypt, 'base64')
    const index = below(cipher.length)
    cipher[index] = (cipher[index] as number) ^ (1 << below(8))
    return resigned(made, cipher.toString('base64'))
  },
  'blocks of the ciphertext exchanged, signed again' ({ below }, made) {
    const cipher = Buffer.from(made.sealed.encrypt, 'base64')
    const [a, b] = [below(cipher.length / 16) * 16, below(cipher.length / 16) * 16]
    const block = Buffer.from(cipher.subarray(a, a + 16))
    cipher.copyWithin(a, b, b + 16)
    block.copy(cipher, b)
    return resigned(made, cipher.toString('base64'))
  },
  'a garbage plaintext' ({ bytes, below }, made) {
    const garbage = bytes(below(100))
    return resigned(made, encryptBytes(made.keys.encodingAESKey, Buffer.concat([garbage, pad(garbage)])))
  },
  'a wrong length' ({ below, pick, bytes }, made) {
    const length = pick([below(100), below(2 ** 32), Buffer.byteLength(made.text) + 1, Buffer.byteLength(made.text) - 1 >>> 0])
    return resigned(
      made, encryptLayout(made.keys.encodingAESKey, { random: bytes(16), text: made.text, receiveId: made.keys.receiveId, length })
    )
  },
  'a wrong padding' ({ below, bytes, pick }, made) {
    const size = 20 + Buffer.byteLength(made.text) + Buffer.byteLength(made.keys.receiveId)
    const count = 32 - size % 32 + pick([0, 0, 0, 32])
    const padding = Buffer.alloc(count, pick([count, count - 1, count + 1, 0, below(256)]))
    padding[below(count)] = below(40)
    return resigned(
      made, encryptLayout(made.keys.encodingAESKey, { random: bytes(16), text: made.text, receiveId: made.keys.receiveId, padding })
    )
  },
  'another receiver id' ({ edit, bytes }, made) {
    return resigned(
      made, encryptLayout(made.keys.encodingAESKey, { random: bytes(16), text: made.text, receiveId: edit(made.keys.receiveId) })
    )
  },
  'bytes that may not be UTF-8' ({ bytes, below }, made) {
    return resigned(
      made, encryptLayout(made.keys.encodingAESKey, { random: bytes(16), text: bytes(below(4)), receiveId: made.keys.receiveId })
    )
  },
  'another key' ({ bytes }, made) {
    return resigned(
      made, encryptLayout(bytes(33).toString('base64').slice(0, 43), { random: bytes(16), text: made.text, receiveId: made.keys.receiveId })
    )
  }
}

const names = Object.keys(MUTATIONS)
const same = (a: Sealed, b: Sealed): boolean => FIELDS.every(field => a[field] === b[field])

function outcome (attempt: () => string): { text: string } | { refused: string } {
  try {
    return { text: attempt() }
  } catch (error) {
    if (error instanceof RefusalError) return { refused: error.code }
    throw error
  }
}

t.test(`${runs} mutated envelopes (FUZZ_SEED=${seed})`, { timeout: 600_000 }, async t => {
  t.comment(`FUZZ_SEED=${seed} FUZZ_RUNS=${runs}`)
  const seen: Record<string, number> = {}
  const fail = (run: number, name: string, why: string): void => {
    t.fail(`run ${run}, ${name}: ${why}`, { seed })
    if (t.counts.fail > 20) t.bailout('too many failures')
  }

  for (let run = 0; run < runs; run++) {
    const tools = createTools(createRandom(seed + run))
    const keys = {
      token: tools.pick(['token', '', '9']),
      encodingAESKey: tools.bytes(33).toString('base64').slice(
        0, 43
      ),
      receiveId: tools.pick(['', '', 'corp', '企业'])
    }
    const text = tools.text()
    const encrypt = encryptLayout(keys.encodingAESKey, { random: tools.bytes(16), text, receiveId: keys.receiveId })
    const made = { keys, text, sealed: signed(keys.token, encrypt, at, nonce) }
    const name = names[run % names.length] as string
    const mutated = (MUTATIONS[name] as (typeof MUTATIONS)[string])(tools, made)

    const result = outcome(() => createEnvelope(keys).open(mutated, freshness))
    const kind = 'text' in result ? 'opened' : result.refused
    seen[kind] = (seen[kind] ?? 0) + 1
    if ('text' in result) {
      // Only the sealed text itself, or what another implementation takes for properly sealed with this very key.
      if (result.text !== open(keys, mutated)) fail(run, name, 'it opened to what another implementation does not find in it')
      if (mutated.encrypt === encrypt && !same(mutated, made.sealed)) fail(run, name, 'a changed envelope opened')
    } else {
      if (same(mutated, made.sealed)) fail(run, name, `the untouched envelope was refused (${result.refused})`)
      const stale = mutated.timestamp !== at
      if (!stale && open(keys, mutated) !== undefined) fail(run, name, `${result.refused}, but another implementation opens it`)
      if (result.refused === 'WECOM_ERR_RECEIVER' && decrypt(keys.encodingAESKey, mutated.encrypt)?.receiveId === keys.receiveId) {
        fail(run, name, 'the receiver id is right')
      }
    }
  }

  t.comment(JSON.stringify(seen))
  for (const kind of [
    'opened', 'WECOM_ERR_SIGNATURE', 'WECOM_ERR_TIMESTAMP', 'WECOM_ERR_DECRYPT', 'WECOM_ERR_RECEIVER', 'WECOM_ERR_MESSAGE'
  ]) {
    if (runs >= 10_000) t.ok(seen[kind], `${kind} happened`)
  }
  t.pass(`${runs} runs`)
})
