/**
 * What a failed command says of the server: `away`, no reply came; `wrong server`, another one is the master, or will be;
 * `refused`, this one does not want to.
 */
export type FailureKind = 'away' | 'wrong server' | 'refused'

export interface CommandFailure {
  kind: FailureKind
  /** The first word of the reply; empty if there was none. */
  code: string
  /** What the server said, without what it was asked. */
  reason: string
  /** What the operator can do. */
  cure: string
}

const WRONG_SERVER = new Set(['READONLY', 'MASTERDOWN', 'CLUSTERDOWN', 'LOADING'])

const ACL_CURE = 'give the user of Redis all commands and keys of the ACL line in lib/stores/redis/README.md'

const CURES: Readonly<Record<string, string>> = {
  NOPERM: ACL_CURE,
  OOM: 'Redis is full: raise maxmemory, or shorten STREAM_RETENTION_MS and STREAM_HISTORY_IDLE_MS',
  MISCONF: 'Redis cannot save to disk and takes no writes: mend its disk, or set stop-writes-on-bgsave-error no',
  NOREPLICAS: 'too few replicas of Redis are connected: start them, or lower min-replicas-to-write',
  NOAUTH: 'Redis wants a password: put it into REDIS_URL, or into your client',
  WRONGPASS: 'Redis does not know this user with this password: correct REDIS_URL, or your client',
  WRONGTYPE: 'something else uses keys with this prefix: set another REDIS_PREFIX',
  BUSY: 'a script of somebody else blocks Redis: SCRIPT KILL ends it'
}

const OTHER_CURE = 'see what the server says; it has to be Redis 6.2 or later, or Valkey, with scripts allowed'

/** Up to Redis 6 the reply of a command in a script stands within that of the script. */
const WITHIN_SCRIPT = /@?user_script:? ?\d+: -?([A-Z][A-Z0-9]+) /

/** Says of which kind a failure is. Whatever is no reply of a server is a connection that is gone. */
export function readFailure (error: unknown): CommandFailure {
  const message = error instanceof Error ? error.message : ''
  const outer = /^([A-Z][A-Z0-9]+)(?: |$)/.exec(message)?.[1]
  if (outer === undefined) return { kind: 'away', code: '', reason: message, cure: '' }
  const code = outer === 'ERR' ? WITHIN_SCRIPT.exec(message)?.[1] ?? outer : outer
  // The beginning of what was asked may be a user's.
  const reason = message.replace(/,? with args beginning with.*/s, '')
  return { kind: WRONG_SERVER.has(code) ? 'wrong server' : 'refused', code, reason, cure: cureOf(code, reason) }
}

function cureOf (code: string, reason: string): string {
  if (code === 'ERR' && /\bACL\b|permission|user executing the script/i.test(reason)) return ACL_CURE
  return CURES[code] ?? OTHER_CURE
}
