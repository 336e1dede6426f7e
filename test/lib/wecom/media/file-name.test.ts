import t from 'tap'
import { fileNameOf } from '../../../../lib/wecom/media/file-name.ts'

/** As Node gives the header that a server wrote in UTF-8. */
const sent = (text: string): string => Buffer.from(text).toString('latin1')
/** What becomes of a name. */
const safe = (name: string): string | undefined => fileNameOf(`attachment; filename*=UTF-8''${encodeURIComponent(name)}`)

const HEADERS: Array<[header: string | undefined, name: string | undefined]> = [
  [undefined, undefined],
  ['', undefined],
  ['attachment', undefined],
  ['attachment; size=3', undefined],
  ['attachment; filename', undefined],
  ['attachment; filename=', undefined],
  ['attachment; filename=""', undefined],
  ['attachment; filename="report.pdf"', 'report.pdf'],
  ['attachment;filename=report.pdf', 'report.pdf'],
  ['ATTACHMENT; FileName = report.pdf ; x=1', 'report.pdf'],
  ['filename=report.pdf', 'report.pdf'],
  ['attachment; filename=annual report.pdf; size=3', 'annual report.pdf'],
  ['attachment; filename="a;b=c.pdf"', 'a;b=c.pdf'],
  ['attachment; filename="a \\"b\\" c.pdf"', 'a _b_ c.pdf'],
  ['attachment; filename="no end.pdf', 'no end.pdf'],
  ['attachment; filename="no end.pdf\\', 'no end.pdf'],
  ['attachment; note="; filename=evil.exe"; filename=good.pdf', 'good.pdf'],
  ['attachment; xfilename=evil.exe; filename=good.pdf', 'good.pdf'],
  ['attachment; filename=first.pdf; filename=second.pdf', 'first.pdf'],
  // Extended, first wherever it stands.
  ["attachment; filename*=UTF-8''%E6%8A%A5%E5%91%8A.pdf", '报告.pdf'],
  ["attachment; filename=plain.pdf; filename*=utf-8'zh-CN'%E6%8A%A5%E5%91%8A.pdf", '报告.pdf'],
  ["attachment; filename*=UTF-8''%e6%8a%a5%e5%91%8a.pdf; filename=plain.pdf", '报告.pdf'],
  ["attachment; filename*=UTF-8''a%20b%3Bc.pdf", 'a b;c.pdf'],
  ["attachment; filename*=\"UTF-8''%E6%8A%A5.pdf\"", '报.pdf'],
  [sent("attachment; filename*=UTF-8''报告.pdf"), '报告.pdf'],
  ["attachment; filename*=ISO-8859-1''caf%E9.pdf", 'café.pdf'],
  ["attachment; filename*=GB18030''%B1%A8%B8%E6.pdf", '报告.pdf'],
  // Extended, but unusable.
  ["attachment; filename*=UTF-8''%FF%FE.pdf; filename=plain.pdf", 'plain.pdf'],
  ["attachment; filename*=KLINGON''a.pdf; filename=plain.pdf", 'plain.pdf'],
  ['attachment; filename*=a.pdf; filename=plain.pdf', 'plain.pdf'],
  ["attachment; filename*=UTF-8''%2F; filename=plain.pdf", 'plain.pdf'],
  ["attachment; filename*=UTF-8''; filename=plain.pdf", 'plain.pdf'],
  ["attachment; filename*=UTF-8''%FF", undefined],
  // Plain, with more than ASCII.
  [sent('attachment; filename="报告 🎉.pdf"'), '报告 🎉.pdf'],
  [sent('attachment; filename=报告.pdf'), '报告.pdf'],
  ['attachment; filename="caf\xe9.pdf"', 'café.pdf'],
  ['attachment; filename="\xb1\xa8\xb8\xe6.pdf"', '报告.pdf'],
  ['attachment; filename="%E6%8A%A5%E5%91%8A.pdf"', '报告.pdf'],
  ['attachment; filename="100% sure.pdf"', '100% sure.pdf'],
  ['attachment; filename="at%FF.pdf"', 'at%FF.pdf']
]

t.test('the name is found in the header', async t => {
  for (const [header, name] of HEADERS) t.equal(fileNameOf(header), name, header ?? 'no header')
})

t.test('a header is read in one pass, however it is written', async t => {
  for (const part of [';', ' ', '"', '\\', '=', ';a="', ';a="\\"', '; a', '%', "'", ';filename="\\', 'filename=;', '\t;']) {
    const started = performance.now()
    fileNameOf(`attachment;${part.repeat(100_000)}`)
    t.ok(performance.now() - started < 2000, JSON.stringify(part))
  }
})

const NAMES: Array<[name: string, shown: string | undefined]> = [
  ['/etc/passwd', 'passwd'],
  ['../../x.sh', 'x.sh'],
  ['C:\\Windows\\x.exe', 'x.exe'],
  ['a/b\\c.txt', 'c.txt'],
  ['dir/', undefined],
  ['..', undefined],
  ['.', undefined],
  [' . . ', undefined],
  ['.env', 'env'],
  ['...hidden', 'hidden'],
  ['name. . ', 'name'],
  ['  two  words.txt ', 'two  words.txt'],
  ['a<b>c:d"e|f?g*h.txt', 'a_b_c_d_e_f_g_h.txt'],
  ['a\0b\x01c\x7fd\x9fe.txt', 'abcde.txt'],
  ['line\r\nfeed\ttab.txt', 'line  feed tab.txt'],
  ['a\u00a0b\u3000c.txt', 'a b c.txt'],
  ['invoice\u202efdp.exe', 'invoicefdp.exe'],
  ['\u2066a\u2069\u200eb\u200f\u061cc.txt', 'abc.txt'],
  ['a\u200bb\u200cc\u200dd\u2060e\ufefff.txt', 'abcdef.txt'],
  ['a\u2028b\u2029c.txt', 'a b c.txt'],
  ['a\u3164b\u115fc\u00add\u034fe\ufe0f.txt', 'abcde.txt'],
  ['a\u{e0041}b.txt', 'ab.txt'],
  ['a\ufffdb.txt', 'ab.txt'],
  ['\u200b', undefined],
  ['\u200b.\u200b.', undefined],
  ['.\u200b./x', 'x'],
  ['e\u0301.txt', 'é.txt'],
  ['con', '_con'],
  ['NUL.txt', '_NUL.txt'],
  ['com1.tar.gz', '_com1.tar.gz'],
  ['LPT³', '_LPT³'],
  ['CONIN$', '_CONIN$'],
  ['concert.txt', 'concert.txt'],
  ['com.txt', 'com.txt'],
  ['会议 记录（终稿）.docx', '会议 记录（终稿）.docx'],
  ['👩‍💻.png', '👩💻.png'],
  ['tax:2025', 'tax_2025']
]

t.test('the name is made safe', async t => {
  for (const [name, shown] of NAMES) t.equal(safe(name), shown, encodeURIComponent(name))
})

t.test('lone surrogates cannot come in, not even by way of UTF-16', async t => {
  t.equal(fileNameOf("attachment; filename*=UTF-16LE''%00%D8a%00"), undefined)
  t.equal(fileNameOf("attachment; filename*=UTF-16LE''a%00b%00"), 'ab')
  t.equal(fileNameOf('attachment; filename="%ED%A0%80"'), '%ED%A0%80')
})

t.test('a long name is cut at 200 bytes, between characters, and keeps its extension', async t => {
  const a = (count: number): string => 'a'.repeat(count)
  for (const [name, shown] of [
    [`${a(196)}.pdf`, `${a(196)}.pdf`],
    [`${a(197)}.pdf`, `${a(196)}.pdf`],
    [`${'文'.repeat(100)}.pdf`, `${'文'.repeat(65)}.pdf`],
    [`${'😀'.repeat(100)}.pdf`, `${'😀'.repeat(49)}.pdf`],
    [`a${'😀'.repeat(100)}.pdf`, `a${'😀'.repeat(48)}.pdf`],
    [a(300), a(200)],
    [`${a(300)}.${'x'.repeat(19)}`, `${a(180)}.${'x'.repeat(19)}`],
    [`${a(300)}.${'x'.repeat(20)}`, a(200)],
    [`a.${'x'.repeat(300)}`, `a.${'x'.repeat(198)}`],
    [`${a(190)}. . . . . . . ${a(20)}.pdf`, `${a(190)}.pdf`],
    [`${a(190)}.tar.gz.${a(20)}.pdf`, `${a(190)}.tar.g.pdf`]
  ] as const) {
    t.equal(safe(name), shown, name)
    t.ok(Buffer.byteLength(shown) <= 200 && !/\p{Cs}/u.test(shown))
  }
})

t.test('a device name that grows beyond the limit is cut after it was made safe', async t => {
  const name = `con.${'a'.repeat(196)}`
  t.equal(safe(name), `_con.${'a'.repeat(195)}`)
})
