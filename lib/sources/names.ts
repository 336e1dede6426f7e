import type { Source } from './source.ts'

/** How a source is called in what is told of its answers. */
export interface SourceName {
  name: string
  model?: string
}

const UNNAMED: SourceName = { name: 'host' }

const names = new WeakMap<object, SourceName>()

/** The first name counts: a source may be registered under several. */
export function nameSource<S extends object> (source: S, name: SourceName): S {
  if (!names.has(source)) names.set(source, name)
  return source
}

export const nameOf = (source: Source): SourceName => names.get(source) ?? UNNAMED
