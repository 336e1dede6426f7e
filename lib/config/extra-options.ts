import { IMAGE_DETAILS } from '../sources/openai/options.ts'
import { FAILURE_CLASSES } from '../util/errors.ts'
import { isObject } from '../util/objects.ts'
import { MAX_MS } from './setting.ts'

/** An option that no variable stands for, because it holds what no text can. */
export interface ExtraOption {
  /** Its path, as in `openai.fetch`. */
  option: string
  /** What it is for, in a sentence for the reference. */
  meaning: string
  /** Completes the sentence "expected …". */
  expected: string
  check: (value: unknown) => boolean
}

const object = (option: string, meaning: string): ExtraOption => ({ option, meaning, expected: 'an object', check: isObject })

const list = (option: string, meaning: string, expected: string): ExtraOption => ({ option, meaning, expected, check: Array.isArray })

const callable = (option: string, meaning: string): ExtraOption =>
  ({ option, meaning, expected: 'a function', check: value => typeof value === 'function' })

const bool = (option: string, meaning: string): ExtraOption =>
  ({ option, meaning, expected: 'true or false', check: value => typeof value === 'boolean' })

/** How URLs of messages are followed. */
const outboundOptions = (group: string, hosts: string): ExtraOption[] => [
  list(`${group}.allowedHosts`, hosts, 'a list of host names'),
  {
    option: `${group}.ca`,
    meaning: 'Certificates to trust in a private deployment',
    expected: 'certificates',
    check: value => typeof value === 'string' || Array.isArray(value) || Buffer.isBuffer(value)
  },
  callable(`${group}.lookup`, 'A name look-up of yours')
]

/** What Fastify takes itself. */
export const fastifyOptions: readonly ExtraOption[] = Object.entries({
  prefix: 'Put before the path of the callback',
  logLevel: 'Of the requests of the callback',
  logSerializers: 'Of the requests of the callback'
}).map(([option, meaning]) => ({ option, meaning: `Fastify's own. ${meaning}`, expected: 'anything', check: () => true }))

const sharedOptions: readonly ExtraOption[] = [
  object('texts', 'Your [sentences of the bot](../texts/README.md#sentences) in place of ours'),
  object('env', 'Read in place of the environment and `.env`; `{}` reads nothing'),
  object('clock', 'The time, for tests'),
  ...fastifyOptions
]

/** What the callback plugin takes besides its settings. */
export const callbackExtraOptions: readonly ExtraOption[] = [
  {
    option: 'source',
    meaning: 'Also a source itself, in place of a name',
    expected: 'a source, which is a function, or the name of one',
    check: value => typeof value === 'function' || typeof value === 'string'
  },
  ...outboundOptions('media', 'Hosts that files may come from'),
  ...outboundOptions('activeReply', 'Hosts whose `response_url` may be called; default `qyapi.weixin.qq.com`'),
  {
    option: 'activeReply.timeoutMs',
    meaning: 'How long such a call may take; default 10 s',
    expected: `a whole number of milliseconds from 1 to ${MAX_MS}`,
    check: value => Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= MAX_MS
  },
  bool('activeReply.allowPrivateAddresses', 'Lets the allowed hosts have addresses that are not public'),
  object('commands', 'Words of the [commands](../bot/README.md#commands) in the chat, and commands of yours'),
  object(
    'routeOptions',
    'More [options of the routes](../../plugins/README.md#hooks-of-your-own): `config`, `schema`, `constraints`, `onRequest`, ' +
      '`onSend`, `onResponse`, `onTimeout`'
  ),
  callable('access.decide', 'Your own function that [decides who may talk](../bot/README.md#access-control-and-rate-limits)'),
  callable('onMessage', 'A [hook](../bot/README.md#hooks) before a question is asked: answers, refuses or changes it'),
  callable('onFinish', 'A [hook](../bot/README.md#hooks) that is told how each answer ended'),
  callable('onEnterChat', 'An [event](../bot/README.md#events): somebody opens the chat'),
  callable('onCardEvent', 'An [event](../bot/README.md#events): somebody uses a card'),
  callable('onFeedback', 'An [event](../bot/README.md#events): somebody rates an answer'),
  ...sharedOptions
]

const address: Pick<ExtraOption, 'expected' | 'check'> = {
  expected: 'an http or https URL', check: value => typeof value === 'string' && /^https?:\/\/[^/]/.test(value) && URL.canParse(value)
}

/** What the playground takes besides its settings. */
export const playgroundExtraOptions: readonly ExtraOption[] = [
  { option: 'target', meaning: 'Callback of another server; default: that of the app', ...address },
  { option: 'publicUrl', meaning: 'Where the bot of `target` reaches the playground', ...address },
  {
    option: 'callbackPath',
    meaning: 'Which callback of the app; default: its first',
    expected: 'a path',
    check: value => typeof value === 'string'
  },
  { option: 'bot', meaning: 'The `aibotid` of every message', expected: 'a string', check: value => typeof value === 'string' },
  bool('allowRemote', 'Serves other machines, too; the token is needed all the same'),
  bool('allowProduction', 'Serves under `NODE_ENV=production`, too'),
  callable('print', 'Told the address of the page; default `console.log`'),
  ...sharedOptions.filter(({ option }) => option !== 'texts')
]

/** What the streams plugin takes besides its settings. */
export const streamsExtraOptions: readonly ExtraOption[] = [
  object('sources', '[Sources of yours](../sources/README.md) by name'),
  callable('images.fit', 'Makes [images of answers](../sources/README.md#images) smaller that are too large together'),
  object('redis.client', 'A [client of yours](../stores/redis/README.md) in place of `REDIS_URL`'),
  object('openai.extraBody', 'More fields of the request body'),
  {
    option: 'openai.imageDetail',
    meaning: 'How closely a model is to look at images: `auto`, `low` or `high`',
    expected: 'auto, low or high',
    check: value => IMAGE_DETAILS.some(detail => detail === value)
  },
  bool('openai.thinkingFirst', 'For servers whose chat template opens the thinking, so that an answer only closes it'),
  callable('openai.fetch', 'A `fetch` of yours, for a company proxy for instance'),
  callable('openai.random', 'Chance, for tests'),
  object('openai.clock', 'The time, for tests'),
  list('mock.chunks', 'What the mock says', 'an array'),
  bool('mock.echo', 'Whether the mock repeats the question first'),
  {
    option: 'mock.failure',
    meaning: 'How the mock fails after that: an error, or a class of failure',
    expected: `an error, or one of ${FAILURE_CLASSES.join(', ')}`,
    check: value => value instanceof Error || FAILURE_CLASSES.some(failure => failure === value)
  },
  object('mock.clock', 'The time, for tests'),
  ...sharedOptions
]
