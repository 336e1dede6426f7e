import type { Source } from './source.ts'

const preparations = new WeakMap<Source, () => Promise<unknown>>()

/** Notes what a source has to load before it can answer. */
export function prepareBy<S extends Source> (source: S, load: () => Promise<unknown>): S {
  preparations.set(source, load)
  return source
}

/** For those that boot an app, so that no question waits for what its source has to load. Rejects if that cannot be loaded. */
export async function prepareSource (source: Source): Promise<void> {
  await preparations.get(source)?.()
}
