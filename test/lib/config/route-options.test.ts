import t from 'tap'
import { routeOptionFaults } from '../../../lib/config/route-options.ts'

const told = (options: unknown): string[] => routeOptionFaults(options).map(({ name, problem }) => `${name} ${problem}`)

t.test('what a host may add to the routes of a callback is taken, and so is what is undefined', async t => {
  const hook = (): void => {}
  for (const options of [
    undefined, {}, {
      config: {},
      schema: {
        hide: false, tags: ['x'], headers: {}
      },
      constraints: { host: 'x' },
      onRequest: hook,
      onSend: [hook, hook],
      onResponse: [],
      onTimeout: async () => {}
    },
    { config: undefined, onSend: undefined, schema: { body: undefined } }
  ]) t.strictSame(told(options), [])
})

t.test('what makes the routes a callback is refused, each by its name and with what there is', async t => {
  const others = [
    'method', 'url', 'handler', 'bodyLimit', 'errorHandler', 'preHandler', 'preParsing', 'preValidation', 'preSerialization', 'onError',
    'onRequestAbort', 'logLevel', 'prefixTrailingSlash', 'nonsense', 'onrequest'
  ]
  for (const name of others) {
    t.strictSame(told({ [name]: undefined }), [
      `option routeOptions.${name} is none of those that a callback takes, ` +
        'expected config, schema, constraints, onRequest, onSend, onResponse, onTimeout'
    ])
  }
})

t.test('an option of another type is refused by its name', async t => {
  for (const name of ['config', 'schema', 'constraints']) {
    for (const [value, type] of [['x', 'string'], [[], 'array'], [null, 'null'], [() => {}, 'function']] as const) {
      t.strictSame(told({ [name]: value }), [`option routeOptions.${name} is of type ${type}, expected an object`])
    }
  }
  for (const name of ['onRequest', 'onSend', 'onResponse', 'onTimeout']) {
    for (const [value, type] of [['x', 'string'], [['x'], 'array'], [[[() => {}]], 'array'], [null, 'null'], [{}, 'object']] as const) {
      t.strictSame(told({ [name]: value }), [`option routeOptions.${name} is of type ${type}, expected a function, or a list of functions`])
    }
  }
})

t.test('a schema has no part in what is sealed', async t => {
  t.strictSame(told(
    { schema: { body: {}, querystring: {}, query: {}, response: {}, params: {} } }
  ), ['body', 'querystring', 'query', 'response'].map(name =>
    `option routeOptions.schema.${name} is set, expected a schema without it: the callback reads and writes what WeCom documents`))
})
