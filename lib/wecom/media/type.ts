const UNKNOWN = 'application/octet-stream'

/** The MIME type of a file by its first bytes; `application/octet-stream` if they say nothing, as with all text. */
export function typeOf (data: Uint8Array): string {
  const starts = ({ parts }: Signature): boolean => parts.every(([at, bytes]) => bytes.every((byte, i) => data[at + i] === byte))
  return SIGNATURES.find(starts)?.type ?? UNKNOWN
}

interface Signature {
  type: string
  /** What has to stand where. */
  parts: Array<[at: number, bytes: readonly number[]]>
}

const ascii = (text: string): number[] => [...Buffer.from(text, 'latin1')]

const head = (type: string, ...bytes: Array<number | string>): Signature =>
  ({ type, parts: [[0, bytes.flatMap(part => typeof part === 'string' ? ascii(part) : part)]] })

const riff = (type: string, form: string): Signature => ({ type, parts: [[0, ascii('RIFF')], [8, ascii(form)]] })

/** ISO base media: the brand says what is in the box. */
const branded = (type: string, ...brands: string[]): Signature[] => brands.map(brand => ({ type, parts: [[4, ascii(`ftyp${brand}`)]] }))

const SIGNATURES: Signature[] = [
  head('image/jpeg', 0xff, 0xd8, 0xff),
  head('image/png', 0x89, 'PNG\r\n', 0x1a, '\n'),
  head('image/gif', 'GIF87a'),
  head('image/gif', 'GIF89a'),
  riff('image/webp', 'WEBP'),
  // Text may well start with BM; the four reserved bytes are zero in every bitmap.
  { type: 'image/bmp', parts: [[0, ascii('BM')], [6, [0, 0, 0, 0]]] },
  head('image/tiff', 'II*', 0),
  head('image/tiff', 'MM', 0, '*'),
  ...branded('image/heic', 'heic', 'heix', 'heim', 'heis', 'hevc', 'hevx'),
  ...branded('image/heif', 'mif1', 'msf1'),
  ...branded('image/avif', 'avif', 'avis'),
  head('application/pdf', '%PDF-'),
  head('application/zip', 'PK', 3, 4),
  head('application/zip', 'PK', 5, 6),
  head('application/gzip', 0x1f, 0x8b, 8),
  head('application/x-7z-compressed', '7z', 0xbc, 0xaf, 0x27, 0x1c),
  head('application/vnd.rar', 'Rar!', 0x1a, 7),
  head('application/x-ole-storage', 0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1),
  head('application/rtf', '{\\rtf'),
  ...branded('video/quicktime', 'qt  '),
  ...branded('video/3gpp', '3gp', '3g2'),
  ...branded('audio/mp4', 'M4A ', 'M4B '),
  ...branded('video/mp4', ''),
  head('video/x-matroska', 0x1a, 0x45, 0xdf, 0xa3),
  riff('video/x-msvideo', 'AVI '),
  head('audio/amr', '#!AMR'),
  riff('audio/wav', 'WAVE'),
  head('audio/ogg', 'OggS'),
  head('audio/mpeg', 'ID3')
]
