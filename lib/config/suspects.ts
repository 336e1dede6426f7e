import type { Logger } from '../util/logger.ts'
import { nearest } from '../util/nearest.ts'
import type { Env } from './environment.ts'
import type { Setting } from './setting.ts'
import { callbackSettings, streamsSettings } from './settings.ts'

const settings = Object.entries<Setting>({ ...callbackSettings, ...streamsSettings })
const known = new Set(settings.map(([variable]) => variable))
const aliases = new Map(settings.flatMap(([variable, { aliases = [] }]) => aliases.map(alias => [alias, variable] as const)))

const MAX_EDITS = 2

/** The setting that a variable seems to be meant for, if it is none. */
export function meantBy (variable: string): string | undefined {
  // WECOM_TOKEN_2 is a variable of the host's, for its second bot.
  if (known.has(variable) || known.has(variable.replace(/_?\d+$/, ''))) return undefined
  return aliases.get(variable) ?? nearest(variable, known, name => [name], MAX_EDITS)
}

const looked = new WeakSet<Env>()

/** Warns once of variables that seem to be meant for a setting. Names only: a value may be a secret. */
export function warnOfSuspects (env: Env, log: Logger): void {
  if (looked.has(env)) return
  looked.add(env)
  for (const variable of Object.keys(env)) {
    const meant = meantBy(variable)
    if (meant !== undefined) log.warn({ variable, meant }, `${variable} is no setting: did you mean ${meant}?`)
  }
}
