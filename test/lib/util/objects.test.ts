import t from 'tap'
import { isObject } from '../../../lib/util/objects.ts'

t.test('an object is neither null nor a list', async t => {
  for (const value of [{}, { a: 1 }, Object.create(null)]) t.equal(isObject(value), true)
  for (const value of [null, undefined, [], 'x', 5, true]) t.equal(isObject(value), false, String(value))
})
