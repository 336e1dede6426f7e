import t from 'tap'
import {
  BusyError, ClosedError, ConfigError, FAILURE_CLASSES, InputError, levelOf, RefusalError, SourceError, UnavailableError
} from '../../../lib/util/errors.ts'

t.test('each error is an Error with a name, a code and, where it may reach an HTTP client, a status', async t => {
  for (const [error, expected] of [
    [new ConfigError([]), { name: 'ConfigError', code: 'WECOM_ERR_CONFIG' }],
    [new InputError('x'), { name: 'InputError', code: 'WECOM_ERR_INPUT', statusCode: 400, message: 'x' }],
    [new BusyError(3), { name: 'BusyError', code: 'WECOM_ERR_BUSY', statusCode: 503 }],
    [new ClosedError(), { name: 'ClosedError', code: 'WECOM_ERR_CLOSED', statusCode: 503 }],
    [new UnavailableError(new Error('away')), {
      name: 'UnavailableError', code: 'WECOM_ERR_UNAVAILABLE', statusCode: 503, cause: { message: 'away' }
    }],
    [new RefusalError('WECOM_ERR_SIGNATURE', 'x'), { name: 'RefusalError', code: 'WECOM_ERR_SIGNATURE', message: 'x' }],
    [new SourceError({ class: 'AUTH' }), { name: 'SourceError', code: 'WECOM_ERR_SOURCE', class: 'AUTH' }]
  ] as const) {
    t.ok(error instanceof Error)
    t.match(error, expected, expected.name)
  }
})

t.test('a ConfigError tells all faults, one a line', async t => {
  const faults = [{ name: 'PORT', problem: 'is no number' }, { name: 'WECOM_TOKEN', problem: 'is not set' }]
  const error = new ConfigError(faults)
  t.equal(error.message, 'fastify-wecom-stream is not configured correctly:\n- PORT: is no number\n- WECOM_TOKEN: is not set')
  t.equal(error.faults, faults)
})

t.test('a BusyError says how many streams there are and what to raise', async t => {
  t.match(new BusyError(3).message, /^3 streams .*STREAM_MAX_RUNNING.*STREAM_MAX_QUEUED/)
})

t.test('a SourceError keeps the class, the cause and the details', async t => {
  const cause = new Error('secret')
  const error = new SourceError({ class: 'QUOTA', cause, details: { status: 429 } })
  t.match(error, { class: 'QUOTA', message: 'the source failed: QUOTA', details: { status: 429 } })
  t.equal(error.cause, cause)
  const bare = new SourceError({ class: 'QUOTA' })
  t.strictSame(bare.details, {})
  t.notOk('cause' in bare, 'no cause was given')
  t.ok('cause' in new SourceError({ class: 'QUOTA', cause: undefined }))
})

t.test('a SourceError of no known class is refused with the known ones', async t => {
  for (const name of ['OOPS', '', undefined, 'auth']) {
    t.throws(() => new SourceError({ class: name as 'AUTH' }), { code: 'WECOM_ERR_INPUT', message: FAILURE_CLASSES.join(', ') })
  }
})

t.test('what comes of a store that is away is told to who looks for it', t => {
  t.strictSame([new UnavailableError('away'), new Error('away'), 'away'].map(levelOf), ['debug', 'error', 'error'])
  t.end()
})
