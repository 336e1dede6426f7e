import { readArguments } from '../arguments.ts'
import { EXIT } from '../io.ts'
import type { Io } from '../io.ts'

export async function run (argv: readonly string[], io: Io): Promise<number> {
  readArguments({ name: 'playground', usage: '[options]', about: 'Not there yet.', options: {}, positionals: { min: 0, max: 0 } }, argv)
  io.stderr.write('playground is not there yet\n')
  return EXIT.USAGE
}
