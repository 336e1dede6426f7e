import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { readTextFile } from '../../../../lib/sources/openai/text-file.ts'

/** The text of a file that has room for all of it. */
function textOf (data: Buffer, name?: string, type?: string): string | undefined {
  const read = readTextFile(
    { data: data.toString('base64'), ...(name !== undefined && { name }), ...(type !== undefined && { type }) }, 100_000
  )
  if (read !== undefined && read.left !== 0) throw new Error(`${read.left} bytes are left out`)
  return read?.text
}
const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')
const utf16be = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16()

t.test('every encoding is read', async t => {
  for (const [data, text, why] of [
    [Buffer.from(''), '', 'nothing'],
    [Buffer.from('plain\r\n\ttext\n'), 'plain\r\n\ttext\n', 'ASCII'],
    [Buffer.from('中文 🤔'), '中文 🤔', 'UTF-8'],
    [Buffer.from('\ufeff中文'), '中文', 'UTF-8 with its mark'],
    [Buffer.from('\ufeff中文\ufeff', 'utf16le'), '中文\ufeff', 'UTF-16, little end first'],
    [utf16be('\ufeff中文🤔'), '中文🤔', 'UTF-16, big end first'],
    [bytes('d6d0 cec4 2c 61'), '中文,a', 'GB2312'],
    [bytes('41 fe50 41'), 'A⺁A', 'GB18030 with half a mark behind its first byte'],
    [bytes('fe50 4141'), '⺁AA', 'and at its start'],
    [bytes('8140 80'), '丂€', 'GBK'],
    [bytes('8139ee39 9439fc36'), '㐀😀', 'GB18030 with four bytes']
  ] as const) {
    t.equal(textOf(data, 'a.txt'), text, why)
    t.equal(textOf(data), text, `${why}, without a name`)
  }
})

t.test('what does not decode is no text', async t => {
  for (const [data, why] of [
    [bytes('61 ff 62'), 'a byte that no encoding has'],
    [bytes('ff 41 41 41'), 'at the start'],
    [bytes('41 ff 41 41'), 'behind the first byte'],
    [bytes('63 61 66 e9 20 61'), 'Latin-1'],
    [bytes('61 00 62'), 'a NUL'],
    [bytes('d6d0 00'), 'a NUL behind GB18030'],
    [Buffer.from('text', 'utf16le'), 'UTF-16 without its mark'],
    [bytes('fffe 6100 62'), 'UTF-16 cut in a character'],
    [bytes('feff 0061 d83d'), 'UTF-16 with half a pair'],
    [bytes('fffe 0000 61000000'), 'UTF-32']
  ] as const) t.equal(textOf(data, 'a.txt'), undefined, why)
})

t.test('a log that was cut within a character is still UTF-8', async t => {
  const log = Buffer.from('第一行：启动完成，等待连接\n第二行：连接已经建立\n'.repeat(2))
  const text = textOf(log.subarray(1, -2), 'a.log')
  t.ok(text?.startsWith('\ufffd\ufffd一行：启动完成') && text.endsWith('连接已经建\ufffd'))
  t.equal(text?.match(/\ufffd/g)?.length, 3)
  const mostly = (broken: number): Buffer => Buffer.concat([Buffer.from('中'.repeat(90)), Buffer.alloc(broken, 0xff)])
  t.equal(textOf(mostly(10), 'a.log'), '中'.repeat(90) + '\ufffd'.repeat(10))
  t.equal(textOf(mostly(11), 'a.log'), undefined)
})

t.test('a name that speaks of text is believed, whatever the type', async t => {
  for (const name of [
    'a.txt', 'A.TXT', 'a.b.md', 'a.csv', 'a.tsv', 'a.json', 'a.jsonl', 'a.yaml', 'a.yml', 'a.xml', 'a.html', 'a.log', 'a.ini', 'a.toml',
    'a.ts', 'a.py', 'a.java', 'a.go', 'a.c', 'a.sql', 'Dockerfile', 'README', '报告.txt'
  ]) {
    t.equal(textOf(Buffer.from('BM'), name, 'image/bmp'), 'BM', name)
    t.equal(textOf(Buffer.from('\u001b[1m\u0001'), name), '\u001b[1m\u0001', `${name} with control characters`)
    t.equal(textOf(bytes('fe ff 00'), name), undefined, `${name} that is none`)
  }
})

t.test('another name or none leaves it to the type and the content', async t => {
  for (const name of [undefined, '', 'a', 'a.bin', 'txt', '.', 'a.', 'a.pdf', 'readme.pdf', 'a.txt.gz', 'txt.', 'constructor']) {
    for (const type of [
      undefined, '', 'application/octet-stream', 'text/plain', 'text/csv', 'application/json', 'Application/XML', 'application/ld+json',
      'image/svg+xml'.replace('image', 'application'), 'application/x-yaml'
    ]) {
      t.equal(textOf(Buffer.from('a,b\n中'), name, type), 'a,b\n中', `${name}, ${type}`)
    }
    for (const type of [
      'image/png', 'image/bmp', 'application/pdf', 'application/zip', 'video/mp4', 'audio/amr', 'text/', 'x', 'a application/json'
    ]) {
      t.equal(textOf(Buffer.from('a'), name, type), undefined, `${name}, ${type}`)
    }
    for (const content of ['a\u0001', 'a\u001b', 'a\u007f', 'a\u0080', 'a\ue000']) {
      t.equal(textOf(Buffer.from(content), name), undefined, `${name}: ${JSON.stringify(content)}`)
    }
    t.equal(textOf(Buffer.from('a\t\n\v\f\r\u00a0\u2028b'), name), 'a\t\n\v\f\r\u00a0\u2028b', `${name}: white space`)
  }
})

t.test('binary files are none', async t => {
  for (const [data, why] of [
    [bytes('89504e470d0a1a0a 0000000d 49484452'), 'PNG'],
    [bytes('ffd8ffe0 0010 4a464946 00'), 'JPEG'],
    [bytes('504b0304 1400 0000 0800'), 'ZIP'],
    [gzipSync(randomBytes(2000)), 'gzip'],
    [Buffer.from(randomBytes(2000).map(byte => byte || 1)), 'anything']
  ] as const) t.equal(textOf(data, 'a', 'application/octet-stream'), undefined, why)
  t.equal(textOf(Buffer.from('%PDF-1.7\n'), 'a.pdf', 'application/pdf'), undefined, 'PDF, which can be nothing but ASCII')
})

t.test('any text comes back from UTF-8 and UTF-16', async t => {
  const text = fc.string(
    { unit: fc.oneof(fc.constantFrom('a', '\n', ',', '中', '🤔', 'é', '\ufffd'), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })) }
  )
    .map(value => value.replace(/^\ufeff|\0/g, ''))
    .filter(value => !value.startsWith('\ufeff'))
  t.doesNotThrow(() => fc.assert(fc.property(text, value => {
    const encodings = [
      Buffer.from(value), Buffer.from(`\ufeff${value}`), Buffer.from(`\ufeff${value}`, 'utf16le'), utf16be(`\ufeff${value}`)
    ]
    return encodings.every(data => textOf(data, 'a.txt') === value)
  }), { numRuns: 1000, includeErrorInReport: true }))
})

t.test('any bytes give text or nothing', async t => {
  t.doesNotThrow(() => fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom('', 'a.txt'), (data, name) => {
    const text = textOf(Buffer.from(data), name)
    return text === undefined || !/[\p{Surrogate}\0]/u.test(text)
  }), { numRuns: 1000, includeErrorInReport: true }))
})

const SAMPLE_BYTES = 64 * 1024
const read = (data: Buffer, maxTextBytes = 100_000, name = 'a.txt') => readTextFile({ data: data.toString('base64'), name }, maxTextBytes)
const gb = (hex: string, count: number): Buffer => Buffer.concat(Array.from({ length: count }, () => bytes(hex)))

t.test('whether a file is text is judged by its first 64 KiB', async t => {
  const text = Buffer.alloc(SAMPLE_BYTES, 'a')
  for (const [flaw, shown, why] of [
    ['00', '\ufffd', 'a NUL'],
    ['01', '\u0001', 'a control character'],
    ['ff', '\ufffd', 'a byte that no encoding has']
  ] as const) {
    const cut = text.subarray(bytes(flaw).length)
    t.equal(read(Buffer.concat([cut, bytes(flaw), text]), undefined, '')?.text, undefined, `${why} in it`)
    t.strictSame(
      read(Buffer.concat([text, bytes(flaw), Buffer.from('b')]), undefined, ''), { text: `${text}${shown}b`, left: 0 }, `${why} behind it`
    )
  }
  const chinese = Buffer.from('中'.repeat(SAMPLE_BYTES / 2))
  t.equal(read(Buffer.concat([chinese, Buffer.alloc(3 * SAMPLE_BYTES, 0xff)]), 200_000)?.text.slice(
    0, SAMPLE_BYTES / 2
  ), chinese.toString().slice(0, SAMPLE_BYTES / 2), 'a broken end is not what it is')
})

t.test('the sample may end within a character of any encoding', async t => {
  for (const shift of [0, 1, 2, 3]) {
    const ascii = 'a'.repeat(shift)
    for (const [data, text, why] of [
      [Buffer.from(ascii + '中'.repeat(30_000)), '中'.repeat(30_000), 'UTF-8'],
      [Buffer.concat([Buffer.from(ascii), gb('d6d0', 40_000)]), '中'.repeat(40_000), 'GB18030'],
      [Buffer.concat([Buffer.from(ascii), gb('9439fc36', 20_000)]), '😀'.repeat(20_000), 'GB18030 with four bytes'],
      [Buffer.from(`\ufeff${ascii}${'😀'.repeat(20_000)}`, 'utf16le'), '😀'.repeat(20_000), 'UTF-16'],
      [utf16be(`\ufeff${ascii}${'😀'.repeat(20_000)}`), '😀'.repeat(20_000), 'UTF-16, big end first']
    ] as const) t.strictSame(read(data, 200_000, ''), { text: ascii + text, left: 0 }, `${why}, ${shift}`)
  }
})

t.test('a file that begins with 64 KiB of ASCII is in the encoding of what follows', async t => {
  const ascii = Buffer.alloc(SAMPLE_BYTES, 'a')
  t.strictSame(read(Buffer.concat([ascii, bytes('d6d0cec4')])), { text: `${ascii}中文`, left: 0 }, 'GB18030')
  t.strictSame(read(Buffer.concat([ascii, Buffer.from('中文')])), { text: `${ascii}中文`, left: 0 }, 'UTF-8')
  t.strictSame(read(Buffer.concat([ascii, bytes('ff')])), { text: `${ascii}\ufffd`, left: 0 }, 'none')
})

t.test('a text is cut between characters, and what is left is counted in bytes of the file', async t => {
  const units = [['61', 'a'], ['d6d0', '中'], ['9439fc36', '😀'], ['0a', '\n'], ['8139ee39', '㐀'], ['81308130', '\u0080']] as const
  const encodings: Array<[why: string, mark: number, bytesOf: (unit: typeof units[number]) => Buffer, markBytes: Buffer]> = [
    ['UTF-8', 0, ([, text]) => Buffer.from(text), Buffer.alloc(0)],
    ['UTF-8 with its mark', 3, ([, text]) => Buffer.from(text), Buffer.from('\ufeff')],
    ['GB18030', 0, ([hex]) => bytes(hex), Buffer.alloc(0)],
    ['UTF-16, little end first', 2, ([, text]) => Buffer.from(text, 'utf16le'), Buffer.from('\ufeff', 'utf16le')],
    ['UTF-16, big end first', 2, ([, text]) => utf16be(text), utf16be('\ufeff')]
  ]
  t.doesNotThrow(() => fc.assert(fc.property(fc.constantFrom(...encodings), fc.array(
    fc.constantFrom(...units), { minLength: 1, maxLength: 40 }
  ), fc.nat(2000), fc.nat(5000), ([why, mark, bytesOf, markBytes], tail, fill, maxTextBytes) => {
    // Blocks of 1 KiB end anywhere in it.
    const all = [...Array.from({ length: fill }, (_, index) => units[index % units.length] as typeof units[number]), ...tail]
    const whole = Buffer.concat([markBytes, ...all.map(bytesOf)])
    let [expected, used, room] = ['', 0, maxTextBytes]
    for (const unit of all) {
      const size = Buffer.byteLength(unit[1])
      if (size > room) break
      room -= size
      expected += unit[1]
      used += bytesOf(unit).length
    }
    const left = expected === '' ? whole.length : whole.length - mark - used
    const got = read(whole, maxTextBytes)
    if (got?.text !== expected || got.left !== left) {
      throw new Error(`${why}: ${got?.text.length} characters, ${got?.left} left, not ${expected.length} and ${left}`)
    }
  }), { numRuns: 300, includeErrorInReport: true }))
})

t.test('a character that lies across two blocks and does not fit leaves the count as it is', async t => {
  const text = Buffer.concat([gb('d6d0', 511), bytes('61'), gb('d6d0', 600)])
  t.strictSame(read(text, 511 * 3 + 1), { text: `${'中'.repeat(511)}a`, left: 1200 })
  t.strictSame(read(text, 511 * 3 + 3), { text: `${'中'.repeat(511)}a`, left: 1200 })
  t.strictSame(read(text, 511 * 3 + 4), { text: `${'中'.repeat(511)}a中`, left: 1198 })
})

t.test('a broken character is counted as it is shown', async t => {
  const log = Buffer.concat([bytes('b8ad'), Buffer.from('第一行'.repeat(500)), bytes('e4b8')])
  t.strictSame(read(log), { text: `\ufffd\ufffd${'第一行'.repeat(500)}\ufffd`, left: 0 })
  t.strictSame(read(log, 5), { text: '\ufffd', left: log.length - 1 })
  t.strictSame(read(log, log.length + 4), { text: `\ufffd\ufffd${'第一行'.repeat(500)}`, left: 2 }, 'at the end, without room for it')
})

t.test('base64 in lines, as others write it, is read and counted', async t => {
  const data = Buffer.from('中'.repeat(50_000))
  const wrapped = data.toString('base64').replace(/.{76}/g, '$&\r\n')
  t.strictSame(readTextFile({ data: wrapped, name: 'a.txt' }, 200_000), { text: '中'.repeat(50_000), left: 0 })
  t.equal(readTextFile({ data: wrapped, name: 'a.txt' }, 3000)?.text, '中'.repeat(1000))
})

t.test('of a large file no more is decoded than is used', async t => {
  const decoder = TextDecoder.prototype
  for (const [unit, why] of [
    ['hello\n', 'ASCII'], ['中文\n', 'UTF-8'], [bytes('d6d0cec40a'), 'GB18030'], [bytes('ff'), 'no text']
  ] as const) {
    const data = Buffer.alloc(20 * 1024 * 1024, unit).toString('base64')
    const froms = t.capture(Buffer, 'from', Buffer.from)
    const decodes = t.capture(decoder, 'decode', decoder.decode)
    readTextFile({ data, name: 'a.txt' }, 100 * 1024)
    froms.restore()
    decodes.restore()
    const base64 = froms().reduce((sum, { args: [text] }) => sum + (text as unknown as string).length, 0)
    t.ok(base64 > 0 && base64 < 300_000, `${why}: ${base64} characters of base64`)
    const decoded = decodes().reduce((sum, { args: [piece] }) => sum + (piece?.byteLength ?? 0), 0)
    t.ok(decoded > 0 && decoded < 700_000, `${why}: ${decoded} bytes of text`)
  }
})
