/*
 * When a stream has no owner any more. A lease that is over says only that no sign of life has come, which is no owner's fault
 * if Redis was away. So it takes looks: the first one that finds the owner silent leaves a mark in the field k. An owner that
 * comes back has another lease, and takes the mark away. Looks that lie too far apart were interrupted, perhaps by Redis itself, and
 * begin anew.
 *
 * A stream that was asked to stop needs no such care, for nothing is begun anew: its owner has heard of it with its next sign of
 * life, so one that has not ended it in time is as good as gone. The field p says since when it is stopping.
 */

export const LEASE_MS = 5000

/** Two signs of life were missed. */
const SILENT_MS = 1500
/** One is late: whoever looks had better look again in time. */
const LATE_MS = 1000
/** How long looks have to find the owner silent. An owner is back within two seconds of Redis; the lease is over by then. */
const LOOKS_MS = 4000
/** Between two looks. */
const GAP_MS = 2500
/**
 * For how long an owner may know of a stop, and not have ended the stream: a sign of life is due within one second, and a loop may stand
 * still for another.
 */
const STOP_MS = 2000

/**
 * `orphanIn` is the number of milliseconds in which the stream may be adopted: 0 is now, -1 says that it has an owner, or has
 * ended. Needs `now`, `status`, `lease`, `mark` and `stopped`. A server that takes no writes can be looked at all the same.
 */
export const ORPHAN = `
local orphanIn = -1
if status == 'running' or status == 'stopping' then
  local leaseEnd = tonumber(lease)
  local silent = now - leaseEnd + ${LEASE_MS}
  if leaseEnd <= 0 then
    orphanIn = 0
  elseif silent >= ${SILENT_MS} or silent < 0 then
    -- A sign of life to come is one by the clock of another server.
    local since, last, seen = string.match(mark or '', '^(%d+) (%d+) (%d+)$')
    if seen ~= lease or tonumber(since) > now or now - last > ${GAP_MS} then since = now end
    redis.pcall('HSET', KEYS[1], 'k', string.format('%.0f %.0f %s', since, now, lease))
    orphanIn = math.max(0, since + ${LOOKS_MS} - now)
  elseif silent >= ${LATE_MS} then
    orphanIn = ${SILENT_MS} - silent + ${LOOKS_MS}
  end
end
if status == 'stopping' and orphanIn ~= 0 then
  -- The version before does not say since when.
  if not stopped then redis.pcall('HSET', KEYS[1], 'p', now) end
  local left = math.max(0, (stopped or now) + ${STOP_MS} - now)
  if orphanIn < 0 or left < orphanIn then orphanIn = left end
end
`
