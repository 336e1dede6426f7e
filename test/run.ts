import { spawnSync } from 'node:child_process'
import { isRedisAtHand } from './fixtures/redis-server.ts'

/** Runs the tests, those of the browser last. Where there is no Redis, the files that only Redis reaches leave the coverage gate. */
const chosen = process.argv.slice(2)
const args = ['run', ...chosen]

if (!await isRedisAtHand()) {
  const missing = 'There is no Redis: neither REDIS_URL, nor one at 127.0.0.1:6379, nor a redis-server.'
  if (process.env['CI'] === 'true') {
    console.error(`${missing} CI needs one.`)
    process.exit(1)
  }
  console.warn(`${missing} Its tests are skipped, and lib/stores/redis/*.ts do not count for the coverage.`)
  args.push('--coverage-exclude=lib/stores/redis/*.ts')
}

process.exitCode = spawnSync('tap', args, { stdio: 'inherit' }).status ?? 1
if (process.exitCode === 0 && chosen.length === 0) {
  process.exitCode = spawnSync('npm', ['run', '--silent', 'test:browser'], { stdio: 'inherit' }).status ?? 1
}
