import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { createSecureContext, rootCertificates } from 'node:tls'
import type { SecureContext } from 'node:tls'
import { overHttp } from '../simulator/transport.ts'
import type { Deliver } from '../simulator/transport.ts'
import { UsageError } from './arguments.ts'
import type { Arguments, OptionSpec } from './arguments.ts'
import type { Io } from './io.ts'

export interface Target {
  address: URL
  /** Whom to believe; undefined if it is the usual authorities. */
  secureContext: SecureContext | undefined
  deliver: Deliver
}

export const targetOptions: Record<'ca', OptionSpec> = {
  ca: { type: 'string', value: 'FILE', help: 'a PEM file with an authority to believe, beside the usual ones' }
}

/** The callback that the first argument names. */
export function readTarget (args: Arguments, { cwd }: Pick<Io, 'cwd'>): Target {
  const [given = ''] = args.positionals
  const address = URL.canParse(given) ? new URL(given) : undefined
  if (address === undefined || !/^https?:$/.test(address.protocol)) {
    throw new UsageError(`${JSON.stringify(given)} is no URL, expected the callback URL with http:// or https:// and its path`)
  }
  // What the console takes has none, and it would not be sent.
  address.hash = ''
  const file = args.text('ca')
  const secureContext = file === undefined ? undefined : believing(readFile(file, cwd), file)
  return { address, secureContext, deliver: overHttp(address, secureContext) }
}

function believing (authority: string, file: string): SecureContext {
  try {
    // A context leaves out what it cannot read, and says nothing.
    void new X509Certificate(authority)
    return createSecureContext({ ca: [...rootCertificates, authority] })
  } catch {
    throw new UsageError(`${file} is no PEM file of a certificate`)
  }
}

/** A text file that the command line names. */
export function readFile (file: string, cwd: string): string {
  try {
    return readFileSync(resolve(cwd, file), 'utf8')
  } catch (error) {
    throw new UsageError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}
