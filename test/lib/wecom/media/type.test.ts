import t from 'tap'
import { typeOf } from '../../../../lib/wecom/media/type.ts'

const box = (brand: string): string => `\0\0\0\x18ftyp${brand}\0\0\0\0`

const FILES: Array<[head: string, type: string]> = [
  ['\xff\xd8\xff\xe0', 'image/jpeg'],
  ['\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'image/png'],
  ['GIF87a', 'image/gif'],
  ['GIF89a', 'image/gif'],
  ['RIFF\x10\0\0\0WEBPVP8 ', 'image/webp'],
  ['BM\x36\0\0\0\0\0\0\0\x36\0', 'image/bmp'],
  ['II*\0', 'image/tiff'],
  ['MM\0*', 'image/tiff'],
  ...['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx'].map((brand): [string, string] => [box(brand), 'image/heic']),
  [box('mif1'), 'image/heif'],
  [box('msf1'), 'image/heif'],
  [box('avif'), 'image/avif'],
  [box('avis'), 'image/avif'],
  ['%PDF-1.7', 'application/pdf'],
  ['PK\x03\x04', 'application/zip'],
  ['PK\x05\x06', 'application/zip'],
  ['\x1f\x8b\x08', 'application/gzip'],
  ['7z\xbc\xaf\x27\x1c', 'application/x-7z-compressed'],
  ['Rar!\x1a\x07\x01\0', 'application/vnd.rar'],
  ['\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', 'application/x-ole-storage'],
  ['{\\rtf1', 'application/rtf'],
  [box('qt  '), 'video/quicktime'],
  [box('3gp4'), 'video/3gpp'],
  [box('3g2a'), 'video/3gpp'],
  [box('M4A '), 'audio/mp4'],
  [box('M4B '), 'audio/mp4'],
  [box('isom'), 'video/mp4'],
  [box('mp42'), 'video/mp4'],
  ['\x1a\x45\xdf\xa3', 'video/x-matroska'],
  ['RIFF\x10\0\0\0AVI LIST', 'video/x-msvideo'],
  ['#!AMR\n', 'audio/amr'],
  ['RIFF\x10\0\0\0WAVEfmt ', 'audio/wav'],
  ['OggS\0', 'audio/ogg'],
  ['ID3\x04', 'audio/mpeg']
]

t.test('a file is known by its first bytes', async t => {
  for (const [head, type] of FILES) {
    t.equal(typeOf(Buffer.from(head, 'latin1')), type, JSON.stringify(head))
    t.equal(typeOf(Buffer.from(`${head}more`, 'latin1')), type, `${JSON.stringify(head)} and more`)
  }
})

t.test('of any other bytes, and of too few, nothing is said', async t => {
  for (const text of [
    '', '\xff', '\xff\xd8', '\x89PNG', 'GIF88a', 'GIF8', 'RIFF\x10\0\0\0', 'RIFF\x10\0\0\0WEB', 'RIFF\x10\0\0\0XXXX', 'BMW is a car', 'BM',
    'II', 'MM', ' %PDF-1.7', '%PDF',
    'PK', 'PKZIP', '\x1f\x8b\x07', 'ftypheic', 'hello', '你好', '<svg xmlns="http://www.w3.org/2000/svg"/>', '<!doctype html>', '{"a":1}'
  ]) t.equal(typeOf(Buffer.from(text, text === '你好' ? 'utf8' : 'latin1')), 'application/octet-stream', JSON.stringify(text))
})
