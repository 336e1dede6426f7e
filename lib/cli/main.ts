import { checkNode } from '../util/node-version.ts'
import { runCommand } from './commands.ts'
import { fail } from './fail.ts'
import { createIo } from './process-io.ts'

async function main (): Promise<number> {
  checkNode()
  return await runCommand(process.argv.slice(2), createIo(process))
}

main().then(code => { process.exitCode = code }, fail)
