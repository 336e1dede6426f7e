import type { Source, Turn } from '../sources/source.ts'

/** What a host asks a source. All but `source` is handed to it as its `Turn`. */
export interface StreamInput extends Omit<Turn, 'deadline'> {
  /** The source to ask, or the name of one in the option `sources`; by default the configured one. */
  source?: string | Source
}
