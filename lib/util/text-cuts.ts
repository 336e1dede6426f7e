import { Buffer } from 'node:buffer'

const encoder = new TextEncoder()

// Written to and never read: only where the text ends counts. As long as a frame, which is what most texts are cut to.
const scratch = new Uint8Array(20480)

/** The longest head of a text that fits into `maxBytes` of UTF-8 without cutting a code point. */
export function headOf (text: string, maxBytes: number): string {
  const { read } = encoder.encodeInto(text, maxBytes <= scratch.length ? scratch.subarray(0, maxBytes) : new Uint8Array(maxBytes))
  return text.slice(0, read)
}

/** The stretch before the limit in which a cut looks for the end of a grapheme cluster; a cluster that is longer is cut at the limit. */
const CUT_ZONE_BYTES = 256

let graphemes: Intl.Segmenter | undefined

/** Made when a text first comes near its limit: it takes a third of what importing the package would take with it. */
const graphemesOf = (text: string): Intl.Segments => (graphemes ??= new Intl.Segmenter('und', { granularity: 'grapheme' })).segment(text)

/**
 * The head of a growing text that fits into `maxBytes` of UTF-8, cut between grapheme clusters. It only ever grows
 * with its text: near the limit the last cluster, which may still be growing, is held back.
 */
export function stableHead (text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes - CUT_ZONE_BYTES) return text
  const floor = headOf(text, maxBytes - CUT_ZONE_BYTES).length
  const ceiling = headOf(text, maxBytes).length
  const start = clusterStartBefore(text, floor)
  // One code point behind the ceiling tells whether a cluster ends there. Only the cluster at the ceiling is asked for:
  // to walk over all of them takes a hundred times as long.
  const zone = text.slice(start, ceiling + 2)
  const { index } = graphemesOf(zone).containing(Math.min(ceiling - start, zone.length - 1)) as Intl.SegmentData
  // A cluster that spans the floor has been shown in part already, so it is the one that is not held back.
  return text.slice(0, start + index >= floor ? start + index : ceiling)
}

// Between two of these stands a boundary for certain, so segmenting, which is slow, can begin there.
const isPlain = (unit: number): boolean => (unit >= 0x20 && unit <= 0x7e) || (unit >= 0x4e00 && unit <= 0x9fff)

function clusterStartBefore (text: string, index: number): number {
  for (let i = index; i > 0; i--) {
    if (isPlain(text.charCodeAt(i)) && isPlain(text.charCodeAt(i - 1))) return i
  }
  return 0
}
