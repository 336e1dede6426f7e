import { readEnvironment } from '../config/environment.ts'
import { fail } from './fail.ts'

// Imported from here, so that a package which is not installed is a sentence, too.
import('./serve.ts')
  .then(async ({ serve }) => await serve({ env: readEnvironment(), print: console.log, signals: process }))
  .catch(fail)
