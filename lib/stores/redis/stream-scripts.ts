import { LEASE_MS, ORPHAN } from './orphan.ts'
import { defineScript, NOW } from './script.ts'

// The fields are in format.ts.

const pexpireAll = (ttl: string): string => [1, 2, 3, 4].map(key => `redis.call('PEXPIRE', KEYS[${key}], ${ttl})`).join('\n')

/** Nothing happens if the stream is there: the command was sent again. */
export const CREATE = defineScript('streams.create', `
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
${NOW}
local ttl, status, content, work = ARGV[1], ARGV[2], ARGV[6], ARGV[8]
redis.call('HSET', KEYS[1], 'b', time[1] .. string.format('%06d', time[2]), 'v', 1, 'n', 1, 'e', 1, 't', 1, 's', status,
  'c', ARGV[7], 'r', 0, 'xc', '1 ' .. #content, 'xr', '1 0', 'l', now + ${LEASE_MS}, 'h', ARGV[3], 'o', ARGV[4], 'm', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ttl)
if content ~= '' then redis.call('SET', KEYS[2], content, 'PX', ttl) end
if work ~= '' then redis.call('SET', KEYS[5], work, 'PX', ARGV[9]) end
for index = 10, #ARGV, 2 do redis.call('HSET', KEYS[4], ARGV[index], ARGV[index + 1]) end
if #ARGV > 9 then redis.call('PEXPIRE', KEYS[4], ttl) end
return 1
`)

/** Returns the id of the claim's stream. A holder that is known to be gone makes way. */
export const CLAIM = defineScript('streams.claim', `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[3] then return holder end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
`)

// A server that evicts keys takes a text alone.
const SHORT = `
local function bytesLost(size, length)
  local of, bytes = string.match(size or '', '^(%d+) (%d+)$')
  if of == textEpoch and tonumber(bytes) > length then return tonumber(bytes) end
  return 0
end
`

const IS_SHORT = `${SHORT}
local contentSize, reasoningSize = unpack(redis.call('HMGET', KEYS[1], 'xc', 'xr'))
if bytesLost(contentSize, redis.call('STRLEN', KEYS[2])) + bytesLost(reasoningSize, redis.call('STRLEN', KEYS[3])) > 0 then
  return 0
end
`

const OWNED = `
local epoch = ARGV[1]
local status, owner, textEpoch = unpack(redis.call('HMGET', KEYS[1], 's', 'e', 't'))
if (status ~= 'running' and status ~= 'stopping') or owner ~= epoch then return 0 end
`

/** KEYS[2] is the track, KEYS[3] the other one. 0 is a refusal, 1 says that the text stands there already, 2 that it does now. */
export const APPEND = defineScript('streams.append', `${OWNED}${SHORT}
local field, offset, units, text = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
if textEpoch ~= epoch then
  if offset > 0 then return 0 end
  if units == 0 then return 1 end
  redis.call('DEL', KEYS[2], KEYS[3])
  redis.call('HSET', KEYS[1], 't', epoch, 'c', 0, 'r', 0, 'xc', epoch .. ' 0', 'xr', epoch .. ' 0')
end
local length, size = unpack(redis.call('HMGET', KEYS[1], field, 'x' .. field))
if textEpoch == epoch and bytesLost(size, redis.call('STRLEN', KEYS[2])) > 0 then return 0 end
length = tonumber(length)
local back = length - offset
if back < 0 then return 0 end
if units == 0 then return 1 end
if back > 0 then
  -- Which bytes those units are is found from the end, where a repetition stands. None takes more than three.
  local tail = redis.call('GETRANGE', KEYS[2], -3 * back, -1)
  local at, left = #tail + 1, back
  while left > 0 do
    at = at - 1
    local byte = string.byte(tail, at)
    if not byte then return 0 end
    if byte >= 240 then left = left - 2 elseif byte < 128 or byte >= 192 then left = left - 1 end
  end
  if left < 0 then return 0 end
  local standing = string.sub(tail, at)
  if string.sub(standing, 1, #text) ~= string.sub(text, 1, #standing) then return 0 end
  if #standing >= #text then return 1 end
  text = string.sub(text, #standing + 1)
  units = units - back
end
local bytes = redis.call('APPEND', KEYS[2], text)
redis.call('HSET', KEYS[1], 'x' .. field, epoch .. ' ' .. bytes)
if length == 0 then redis.call('PEXPIRE', KEYS[2], redis.call('PTTL', KEYS[1])) end
redis.call('HINCRBY', KEYS[1], field, units)
redis.call('HINCRBY', KEYS[1], 'v', 1)
return 2
`)

export const NOTE = defineScript('streams.setMetadata', `${OWNED}
for index = 2, #ARGV, 2 do redis.call('HSET', KEYS[4], ARGV[index], ARGV[index + 1]) end
redis.call('PEXPIRE', KEYS[4], redis.call('PTTL', KEYS[1]))
redis.call('HINCRBY', KEYS[1], 'n', 1)
redis.call('HINCRBY', KEYS[1], 'v', 1)
return 1
`)

/**
 * Nothing happens if the stream is another's, or has ended. Text that is there as a whole is left as it is, for it may
 * have grown: the command can come late. So is the time to live.
 */
export const RESTORE = defineScript('streams.restore', `
local epoch, ttl, content, reasoning = ARGV[1], ARGV[2], ARGV[5], ARGV[7]
local status, owner, textEpoch = unpack(redis.call('HMGET', KEYS[1], 's', 'e', 't'))
if status and (owner ~= epoch or (status ~= 'running' and status ~= 'stopping')) then return 0 end
${NOW}
if status then
  ttl = redis.call('PTTL', KEYS[1])
else
  -- Its age goes on. It is another stream than before all the same: of two births one is hardly ever the same microsecond.
  local birth = string.format('%.0f', (now - ARGV[9]) * 1000 + time[2] % 1000)
  redis.call('HSET', KEYS[1], 'b', birth, 'v', 1, 'n', 1, 'e', epoch, 's', 'running', 'h', ARGV[3], 'o', '', 'm', ARGV[4])
end
redis.call('HSET', KEYS[1], 'l', now + ${LEASE_MS})
if textEpoch ~= epoch or redis.call('STRLEN', KEYS[2]) < #content or redis.call('STRLEN', KEYS[3]) < #reasoning then
  redis.call('HSET', KEYS[1], 't', epoch, 'c', ARGV[6], 'r', ARGV[8],
    'xc', epoch .. ' ' .. #content, 'xr', epoch .. ' ' .. #reasoning)
  redis.call('DEL', KEYS[2], KEYS[3])
  if content ~= '' then redis.call('SET', KEYS[2], content, 'PX', ttl) end
  if reasoning ~= '' then redis.call('SET', KEYS[3], reasoning, 'PX', ttl) end
end
for index = 10, #ARGV, 2 do redis.call('HSET', KEYS[4], ARGV[index], ARGV[index + 1]) end
${pexpireAll('ttl')}
redis.call('HINCRBY', KEYS[1], 'n', 1)
redis.call('HINCRBY', KEYS[1], 'v', 1)
return 1
`)

// The command may have been sent again.
const ENDED_SO = `
local owner, status, outcome = unpack(redis.call('HMGET', KEYS[1], 'e', 's', 'o'))
if owner == ARGV[1] and status == ARGV[2] and outcome == ARGV[3] then return { redis.call('HGET', KEYS[1], 'm') } end
`

/** Returns the claim, which has to be kept as long as the stream. A server that stood in for another may lack the last text. */
export const END = defineScript('streams.end', `do ${ENDED_SO} end
${OWNED}
local content, reasoning = 0, 0
if textEpoch == epoch then
  content, reasoning = unpack(redis.call('HMGET', KEYS[1], 'c', 'r'))
  ${IS_SHORT}
end
if tonumber(content) < tonumber(ARGV[5]) or tonumber(reasoning) < tonumber(ARGV[6]) then return 0 end
redis.call('HSET', KEYS[1], 's', ARGV[2], 'o', ARGV[3])
redis.call('HINCRBY', KEYS[1], 'v', 1)
redis.call('DEL', KEYS[5])
${pexpireAll('ARGV[4]')}
return { redis.call('HGET', KEYS[1], 'm') }
`)

export const START = defineScript('streams.markStarted', `${OWNED}
redis.call('HSET', KEYS[1], 'q', epoch)
return 1
`)

export const RENEW = defineScript('streams.renew', `${OWNED}${NOW}
if textEpoch == epoch then
  ${IS_SHORT}
end
redis.call('HSET', KEYS[1], 'l', now + ${LEASE_MS})
redis.call('HDEL', KEYS[1], 'k')
return status
`)

export const RELEASE = defineScript('streams.release', `${OWNED}
redis.call('HSET', KEYS[1], 'l', 0)
return 1
`)

/** Whoever asks again with the same token has adopted it already. */
export const ADOPT = defineScript('streams.adopt', `
local status, lease, mark, stopped, epoch, adopter = unpack(redis.call('HMGET', KEYS[1], 's', 'l', 'k', 'p', 'e', 'a'))
${NOW}
local function adopted()
  return { tonumber(epoch), redis.call('GET', KEYS[5]) or '', now - math.floor(tonumber(redis.call('HGET', KEYS[1], 'b')) / 1000),
    redis.call('HGET', KEYS[1], 'q') or '0' }
end
if adopter and adopter == epoch .. ' ' .. ARGV[1] and (status == 'running' or status == 'stopping') then return adopted() end
${ORPHAN}
if orphanIn ~= 0 then return {} end
epoch = redis.call('HINCRBY', KEYS[1], 'e', 1)
redis.call('HSET', KEYS[1], 'l', now + ${LEASE_MS}, 'a', epoch .. ' ' .. ARGV[1])
redis.call('HDEL', KEYS[1], 'k')
if status == 'stopping' then redis.call('HSET', KEYS[1], 'p', now) end
redis.call('HDEL', KEYS[4], 'waiting', 'thinking', 'card')
redis.call('HINCRBY', KEYS[1], 'n', 1)
redis.call('HINCRBY', KEYS[1], 'v', 1)
return adopted()
`)

// Returns nothing for an unknown stream; in how many milliseconds it may be adopted, its age, and the bytes that its texts should have if
// some are lost; and what has changed since it was last read, if anything has.
const CHANGES = `
local birth, version, notes, textEpoch, status, chat, outcome, lease, mark, stopped, contentSize, reasoningSize =
  unpack(redis.call('HMGET', KEYS[1], 'b', 'v', 'n', 't', 's', 'h', 'o', 'l', 'k', 'p', 'xc', 'xr'))
if not birth then return {} end
${NOW}${ORPHAN}${SHORT}
local contentLength, reasoningLength = redis.call('STRLEN', KEYS[2]), redis.call('STRLEN', KEYS[3])
local state = { orphanIn, now - math.floor(tonumber(birth) / 1000),
  bytesLost(contentSize, contentLength), bytesLost(reasoningSize, reasoningLength) }
local same = birth == ARGV[1]
if same and version == ARGV[2] then return { state } end
local grown = same and textEpoch == ARGV[4] and contentLength >= tonumber(ARGV[5]) and reasoningLength >= tonumber(ARGV[6])
local noted = not same or notes ~= ARGV[3]
return {
  state, birth, version, notes, textEpoch, status, chat, outcome, grown and 1 or 0,
  redis.call('GETRANGE', KEYS[2], grown and ARGV[5] or 0, -1), redis.call('GETRANGE', KEYS[3], grown and ARGV[6] or 0, -1),
  noted and redis.call('HGETALL', KEYS[4]) or 0
}
`

export const READ = defineScript('streams.read', CHANGES)

export const STOP = defineScript('streams.requestStop', `
if redis.call('HGET', KEYS[1], 's') == 'running' then
  redis.call('HSET', KEYS[1], 's', 'stopping')
  redis.call('HINCRBY', KEYS[1], 'v', 1)
end
${CHANGES}`)
