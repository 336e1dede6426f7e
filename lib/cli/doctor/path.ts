import { isEchoed } from '../check/bot.ts'
import type { Wire } from '../check/bot.ts'

const MAX_GETS = 8
const USUAL = ['/wecom/callback', '/callback', '/wecom', '/api/wecom/callback', '/wecom/callback/', '/api/callback', '/']

/** Which path answers in place of one that is not there; undefined if none does. */
export async function findPath (pathname: string, ask: (path: string) => Promise<Wire>): Promise<string | undefined> {
  const slash = pathname.endsWith('/') ? pathname.slice(0, -1) : `${pathname}/`
  const shorter = pathname.replace(/^\/[^/]+/, '')
  const candidates = [...new Set([slash, shorter, ...USUAL])].filter(path => path !== '' && path !== pathname).slice(0, MAX_GETS)
  for (const path of candidates) {
    const wire = await ask(path)
    if (isEchoed(wire)) return path
  }
  return undefined
}
