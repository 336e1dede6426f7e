import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { readTextFile } from '../../../../lib/sources/openai/text-file.ts'

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
    t.equal(readTextFile(data, 'a.txt'), text, why)
    t.equal(readTextFile(data), text, `${why}, without a name`)
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
  ] as const) t.equal(readTextFile(data, 'a.txt'), undefined, why)
})

t.test('a log that was cut within a character is still UTF-8', async t => {
  const log = Buffer.from('第一行：启动完成，等待连接\n第二行：连接已经建立\n'.repeat(2))
  const text = readTextFile(log.subarray(1, -2), 'a.log')
  t.ok(text?.startsWith('\ufffd\ufffd一行：启动完成') && text.endsWith('连接已经建\ufffd'))
  t.equal(text?.match(/\ufffd/g)?.length, 3)
  const mostly = (broken: number): Buffer => Buffer.concat([Buffer.from('中'.repeat(90)), Buffer.alloc(broken, 0xff)])
  t.equal(readTextFile(mostly(10), 'a.log'), '中'.repeat(90) + '\ufffd'.repeat(10))
  t.equal(readTextFile(mostly(11), 'a.log'), undefined)
})

t.test('a name that speaks of text is believed, whatever the type', async t => {
  for (const name of ['a.txt', 'A.TXT', 'a.b.md', 'a.csv', 'a.tsv', 'a.json', 'a.jsonl', 'a.yaml', 'a.yml', 'a.xml', 'a.html', 'a.log', 'a.ini', 'a.toml', 'a.ts', 'a.py', 'a.java', 'a.go', 'a.c', 'a.sql', 'Dockerfile', 'README', '报告.txt']) {
    t.equal(readTextFile(Buffer.from('BM'), name, 'image/bmp'), 'BM', name)
    t.equal(readTextFile(Buffer.from('\u001b[1m\u0001'), name), '\u001b[1m\u0001', `${name} with control characters`)
    t.equal(readTextFile(bytes('fe ff 00'), name), undefined, `${name} that is none`)
  }
})

t.test('another name or none leaves it to the type and the content', async t => {
  for (const name of [undefined, '', 'a', 'a.bin', 'txt', '.', 'a.', 'a.pdf', 'readme.pdf', 'a.txt.gz', 'txt.', 'constructor']) {
    for (const type of [undefined, '', 'application/octet-stream', 'text/plain', 'text/csv', 'application/json', 'Application/XML', 'application/ld+json', 'image/svg+xml'.replace('image', 'application'), 'application/x-yaml']) {
      t.equal(readTextFile(Buffer.from('a,b\n中'), name, type), 'a,b\n中', `${name}, ${type}`)
    }
    for (const type of ['image/png', 'image/bmp', 'application/pdf', 'application/zip', 'video/mp4', 'audio/amr', 'text/', 'x', 'a application/json']) {
      t.equal(readTextFile(Buffer.from('a'), name, type), undefined, `${name}, ${type}`)
    }
    for (const content of ['a\u0001', 'a\u001b', 'a\u007f', 'a\u0080', 'a\ue000']) {
      t.equal(readTextFile(Buffer.from(content), name), undefined, `${name}: ${JSON.stringify(content)}`)
    }
    t.equal(readTextFile(Buffer.from('a\t\n\v\f\r\u00a0\u2028b'), name), 'a\t\n\v\f\r\u00a0\u2028b', `${name}: white space`)
  }
})

t.test('binary files are none', async t => {
  for (const [data, why] of [
    [bytes('89504e470d0a1a0a 0000000d 49484452'), 'PNG'],
    [bytes('ffd8ffe0 0010 4a464946 00'), 'JPEG'],
    [bytes('504b0304 1400 0000 0800'), 'ZIP'],
    [gzipSync(randomBytes(2000)), 'gzip'],
    [Buffer.from(randomBytes(2000).map(byte => byte || 1)), 'anything']
  ] as const) t.equal(readTextFile(data, 'a', 'application/octet-stream'), undefined, why)
  t.equal(readTextFile(Buffer.from('%PDF-1.7\n'), 'a.pdf', 'application/pdf'), undefined, 'PDF, which can be nothing but ASCII')
})

t.test('any text comes back from UTF-8 and UTF-16', async t => {
  const text = fc.string({ unit: fc.oneof(fc.constantFrom('a', '\n', ',', '中', '🤔', 'é', '\ufffd'), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })) })
    .map(value => value.replace(/^\ufeff|\0/g, ''))
    .filter(value => !value.startsWith('\ufeff'))
  t.doesNotThrow(() => fc.assert(fc.property(text, value => {
    const encodings = [Buffer.from(value), Buffer.from(`\ufeff${value}`), Buffer.from(`\ufeff${value}`, 'utf16le'), utf16be(`\ufeff${value}`)]
    return encodings.every(data => readTextFile(data, 'a.txt') === value)
  }), { numRuns: 1000, includeErrorInReport: true }))
})

t.test('any bytes give text or nothing', async t => {
  t.doesNotThrow(() => fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom('', 'a.txt'), (data, name) => {
    const text = readTextFile(Buffer.from(data), name)
    return text === undefined || !/[\p{Surrogate}\0]/u.test(text)
  }), { numRuns: 1000, includeErrorInReport: true }))
})
