import { readEnvironment } from '../config/environment.ts'
import { fail } from './fail.ts'

// Imported from here, so that a package which is not installed is a sentence, too.
import('./one-life.ts')
  .then(async ({ showOneLife }) => { process.exitCode = await showOneLife(readEnvironment(), console.log) ? 0 : 1 })
  .catch(fail)
