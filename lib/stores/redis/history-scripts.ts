import { defineScript } from './script.ts'

/** No turn lasts longer: a clearing has to be known for as long as one may be added that was asked before it. */
export const MAX_TURN_MS = 60 * 60_000

/** `at`, in microseconds: no two commands share one. */
const AT = `
local time = redis.call('TIME')
local at = time[1] .. string.format('%06d', time[2])
`

export const READ = defineScript('history.read', `${AT}
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return { at, redis.call('LRANGE', KEYS[2], 0, -1) }
`)

export const ADD = defineScript('history.add', `
local cleared = redis.call('GET', KEYS[1])
if cleared and tonumber(cleared) >= tonumber(ARGV[1]) then return 0 end
-- Some clients send a command again whose reply was lost.
for _, turn in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
  if turn == ARGV[2] then return 1 end
end
redis.call('RPUSH', KEYS[2], ARGV[2])
local turns = redis.call('LRANGE', KEYS[2], 0, -1)
local kept, bytes = 0, 0
while kept < #turns and kept < tonumber(ARGV[3]) do
  bytes = bytes + tonumber(string.match(turns[#turns - kept], '^%d+'))
  if bytes > tonumber(ARGV[4]) then break end
  kept = kept + 1
end
if kept == 0 then
  redis.call('DEL', KEYS[2])
else
  redis.call('LTRIM', KEYS[2], -kept, -1)
end
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return 1
`)

// Written anew, since those who allow commands by name have not allowed LREM.
export const DROP = defineScript('history.drop', `
local ids = {}
for index = 2, #ARGV do ids[ARGV[index]] = true end
local turns = redis.call('LRANGE', KEYS[2], 0, -1)
redis.call('DEL', KEYS[2])
for _, turn in ipairs(turns) do
  if not ids[string.match(turn, '^%d+:([^:]+):')] then redis.call('RPUSH', KEYS[2], turn) end
end
return redis.call('PEXPIRE', KEYS[2], ARGV[1])
`)

export const CLEAR = defineScript('history.clear', `${AT}
redis.call('SET', KEYS[1], at, 'PX', ARGV[1])
return redis.call('DEL', KEYS[2])
`)
