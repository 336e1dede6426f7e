import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { refusedKeys } from '../../../fixtures/redis-managed.ts'
import { scripts } from '../../../fixtures/redis-scripts.ts'

t.test('each key of each command in each script is literally KEYS[number]', t => {
  for (const { name, lua } of scripts) t.strictSame(refusedKeys(lua), [], name)
  t.end()
})

t.test('every script has a name of its own, and is exported by a file for scripts', t => {
  t.equal(new Set(scripts.map(({ name }) => name)).size, scripts.length)
  const folder = new URL('../../../../lib/stores/redis/', import.meta.url)
  const code = readdirSync(folder).map(name => readFileSync(new URL(name, folder), 'utf8')).join('\n')
  t.equal(scripts.length, [...code.matchAll(/= defineScript\(/g)].length)
  t.notMatch(code, /defineScript\((?!'|name)/)
  t.end()
})

t.test('a key of any other form is found', t => {
  for (const lua of [
    "for index = 1, 4 do redis.call('PEXPIRE', KEYS[index], ttl) end", "redis.call('DEL', unpack(KEYS))",
    "local key = KEYS[1] redis.call('GET', key)", "redis.call('GET', key)",
    "redis.call('DEL', KEYS[1], other)", "redis.call('GET', 'fixed')", "redis.call('GET', ARGV[1])", "redis.call('GET', KEYS[0])",
    'redis.pcall("get", name)', 'redis.call(command, KEYS[1])',
    "redis.call('PEXPIRE', KEYS[1], redis.call('PTTL', key))", "redis.call('GET')", "redis.call('GET', (KEYS[1]))", 'local all = KEYS',
    'return #KEYS'
  ]) t.not(refusedKeys(lua).length, 0, lua)
  for (const lua of [
    "redis.call('TIME')", "redis.call('DEL', KEYS[1], KEYS[2])", "redis.call('SET', KEYS[1], f('a, (', x), 'PX', ARGV[1])", '-- KEYS'
  ]) {
    t.strictSame(refusedKeys(lua), [], lua)
  }
  t.end()
})
