import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'
import { medianInterval } from './statistics.ts'

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1)

t.test('the interval of a median is the narrowest pair of values that holds it often enough', async t => {
  // Of n coins, heads up to k: for 15 and 3 that is 1.8 %, for 16 and 4 3.8 %, for 18 and 5 4.8 %, each at both ends.
  t.strictSame(medianInterval(upTo(15), 0.9), { low: 4, high: 12 })
  t.strictSame(medianInterval(upTo(16).reverse(), 0.9), { low: 5, high: 12 })
  t.strictSame(medianInterval(upTo(18), 0.9), { low: 6, high: 13 })
  t.strictSame(medianInterval(upTo(5), 0.9), { low: 1, high: 5 })
  t.throws(() => medianInterval(upTo(4), 0.9), { message: '4 values say too little of their median' })
})

interface Ran { code: number, output: string }

const bench = (...args: string[]): Promise<Ran> => new Promise(resolve => {
  const index = fileURLToPath(new URL('index.ts', import.meta.url))
  execFile(process.execPath, ['--import', import.meta.resolve('tsx'), index, ...args], (error, stdout, stderr) => {
    resolve({ code: Number(error?.code ?? 0), output: stdout + stderr })
  })
})

/** A checkout whose package takes so long to import, and does not register. */
const otherBuild = (t: Test, importMs: number): string => t.testdir({
  dist: {
    plugins: {
      'index.js': `await new Promise(resolve => setTimeout(resolve, ${importMs}))\n` +
        'export default async () => { throw new Error(\'older options\') }\n'
    }
  }
})

t.test('what the bench does not know is refused by name', async t => {
  for (const [args, named] of [
    [['--agianst', '.'], '--agianst'], [['--against'], '--against'], [['imprts'], 'imprts'], [['--against', t.testdir()], t.testdirName]
  ] as const) {
    const { code, output } = await bench(...args)
    t.equal(code, 1, args.join(' '))
    t.ok(output.includes(named), `${named} is in ${output}`)
    t.notOk(output.includes('    at '), 'there is no stack')
  }
})

t.test('the bench fails against a build that is better, or if nothing could be compared', async t => {
  const better = await bench('--quick', '--against', otherBuild(t, 0), 'imports')
  t.equal(better.code, 1)
  t.ok(better.output.includes('Worse than the other build: import, ms.'), better.output)

  const incomparable = await bench('--quick', '--against', otherBuild(t, 0), 'messages')
  t.equal(incomparable.code, 1)
  t.ok(incomparable.output.includes('messages: not compared, as the other build does not start: Error: older options'), incomparable.output)
})

t.test('the bench passes against a build that is worse', async t => {
  const { code, output } = await bench('--quick', '--against', otherBuild(t, 1000), 'imports')
  t.equal(code, 0, output)
  t.ok(output.includes('No interval lies wholly below 0.97.'), output)
})
