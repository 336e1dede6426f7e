import { runCommand } from './commands.ts'
import { fail } from './fail.ts'
import { createIo } from './process-io.ts'

runCommand(process.argv.slice(2), createIo(process)).then(code => { process.exitCode = code }, fail)
