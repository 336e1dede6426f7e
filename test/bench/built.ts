import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** The checkout whose build is measured. */
export const OWN = fileURLToPath(new URL('../../', import.meta.url))

const ENTRY = 'dist/plugins/index.js'

export const entryOf = (checkout: string): string => join(checkout, ENTRY)

/** The package of a checkout as it is shipped: compiled, so that nothing but its own code is measured. */
export async function importBuilt (checkout: string): Promise<typeof import('../../plugins/index.ts')> {
  return await import(pathToFileURL(entryOf(checkout)).href)
}
