import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { InputError } from '../../lib/util/errors.ts'

/** The page as it was built. It stands at one place of the package, wherever this code has been bundled to. */
export async function readPage (name: string): Promise<Buffer> {
  try {
    return await readFile(new URL(`dist/plugins/playground/${name}`, packageRoot()))
  } catch {
    throw new InputError('the page has not been built: run npm run build')
  }
}

function packageRoot (): URL {
  let folder = new URL('./', import.meta.url)
  while (!existsSync(fileURLToPath(new URL('package.json', folder)))) folder = new URL('../', folder)
  return folder
}
