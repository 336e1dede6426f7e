import { writeFileSync } from 'node:fs'
import { ROOT } from './fixtures/documents.ts'
import { documentWithReference, EXAMPLE, exampleOfEnv, REFERENCE } from './fixtures/reference.ts'

/** Writes what documents say of the settings. */
writeFileSync(new URL(REFERENCE, ROOT), documentWithReference())
writeFileSync(new URL(EXAMPLE, ROOT), exampleOfEnv())
