import { defineScript } from './script.ts'

export const PUT_IF_ABSENT = defineScript('keyValues.putIfAbsent', `
local kept = redis.call('GET', KEYS[1])
if kept then return kept end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
`)

/** KEYS[2] is of the attempt: whoever asks again is given the first answer. */
export const INCREMENT = defineScript('keyValues.increment', `
local counted = redis.call('GET', KEYS[2])
if counted then return tonumber(counted) end
local count = redis.call('INCR', KEYS[1])
redis.call('SET', KEYS[2], count, 'PX', ARGV[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count
`)
