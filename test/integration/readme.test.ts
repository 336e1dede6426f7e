import t from 'tap'
import { samples } from '../fixtures/documents.ts'
import { ran } from '../fixtures/samples.ts'
import { NAMES as RUN_ELSEWHERE } from '../samples/sample.ts'
// One process for all, one after the other: samples read the working directory and the environment.
import './readme/start.ts'
import './readme/signals.ts'
import './readme/sources.ts'
import './readme/chat.ts'
import './readme/replicas.ts'

t.test('every sample of the documents is run', async t => {
  t.strictSame([...ran, ...RUN_ELSEWHERE].sort(), [...samples.keys()].sort())
})
