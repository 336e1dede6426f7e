import t from 'tap'
import { readConfig } from '../../../lib/config/config.ts'
import { streamsExtraOptions } from '../../../lib/config/extra-options.ts'
import { streamsSettings } from '../../../lib/config/settings.ts'
import { chosenName, createSources, sourceFaults } from '../../../lib/config/sources.ts'
import type { SourceOptions } from '../../../lib/config/sources.ts'
import type { ReplyPart, Source, Turn } from '../../../lib/sources/source.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import { createLog } from '../../fixtures/log.ts'
import { yielding } from '../../fixtures/sources.ts'
import { idle } from '../../fixtures/waiting.ts'

const mine = yielding('mine')

async function sourcesFor (
  options: SourceOptions, env: Record<string, string> = {}, clock = createManualClock()
): ReturnType<typeof createSources> {
  const settings = typeof options.source === 'function' ? { ...options, source: undefined } : options
  const { config, faults } = readConfig(streamsSettings, { options: settings, env, extraOptions: streamsExtraOptions })
  t.same(faults, [])
  return await createSources(options, config, clock)
}

const ask = (source: Source, turn: Turn): AsyncIterable<string | ReplyPart> => source(turn, {
  signal: new AbortController().signal,
  log: createLog(),
  untimed: async work => await work
})

async function answerOf (source: Source | undefined, turn: Turn = { prompt: 'hi', deadline: 0 }): Promise<unknown[]> {
  const pieces: unknown[] = []
  for await (const piece of ask(source as Source, turn)) pieces.push(piece)
  return pieces
}

t.test('the source is the one that is named, else openai where there is a key, else the mock', async t => {
  t.equal(chosenName({}), 'mock')
  t.equal(chosenName({ OPENAI_API_KEY: 'k' }), 'openai')
  t.equal(chosenName({ OPENAI_API_KEY: 'k', STREAM_SOURCE: 'mock' }), 'mock')
  t.equal(chosenName({ STREAM_SOURCE: 'mine' }), 'mine')
  t.equal(chosenName({ STREAM_SOURCE: 5 }), 'mock', 'what is no name has a fault of its own')
})

t.test('the mock is there without a key, and openai with one', async t => {
  t.same([...(await sourcesFor({})).sources.keys()], ['mock'])
  const { source, sources } = await sourcesFor({}, { OPENAI_API_KEY: 'sk-1' })
  t.same([...sources.keys()], ['mock', 'openai'])
  t.equal(source, sources.get('openai'))
  const chosen = await sourcesFor({}, { OPENAI_API_KEY: 'sk-1', STREAM_SOURCE: 'mock' })
  t.equal(chosen.source, chosen.sources.get('mock'))
})

t.test('sources of the host stand beside ours, and in place of them', async t => {
  const { source, sources } = await sourcesFor({ sources: { mine, mock: mine } }, { STREAM_SOURCE: 'mine' })
  t.equal(source, mine)
  t.equal(sources.get('mock'), mine)
  t.equal((await sourcesFor({ sources: { mine }, source: 'mine' })).source, mine)
  t.equal((await sourcesFor({ sources: { openai: mine }, source: 'openai' })).source, mine, 'an openai of the host needs no key')
})

t.test('a source that is a function is the one that is asked', async t => {
  const { source, sources } = await sourcesFor({ source: mine }, { OPENAI_API_KEY: 'sk-1', STREAM_SOURCE: 'mock' })
  t.equal(source, mine)
  t.same([...sources.keys()], ['mock', 'openai'])
})

t.test('the mock takes its options, its delay from the environment, and the clock of the streams', async t => {
  const clock = createManualClock()
  const { source } = await sourcesFor({ mock: { chunks: ['a'], echo: false } }, { MOCK_CHUNK_DELAY_MS: '70' }, clock)
  const answer = answerOf(source)
  await idle()
  t.equal(clock.pending, 1)
  await clock.advance(69)
  t.equal(clock.pending, 1)
  await clock.advance(1)
  t.same(await answer, ['a'])
  t.same(await answerOf((await sourcesFor({ mock: { chunkDelayMs: 0, chunks: [] } })).source), ['Q: hi\n'])
})

t.test('the settings of openai reach its requests', async t => {
  const requests: Array<{ url: string, body: Record<string, unknown>, key: string | null }> = []
  const fetch: typeof globalThis.fetch = async (url, init) => {
    requests.push({ url: String(url), body: JSON.parse(String(init?.body)), key: new Headers(init?.headers).get('authorization') })
    const event = { choices: [{ index: 0, delta: { content: 'hello' }, finish_reason: 'stop' }] }
    return new Response(`data: ${JSON.stringify(event)}\n\ndata: [DONE]\n\n`, { headers: { 'content-type': 'text/event-stream' } })
  }
  const { source } = await sourcesFor({ openai: { fetch, model: 'best', extraBody: { seed: 7 } } }, {
    OPENAI_API_KEY: 'sk-1',
    OPENAI_BASE_URL: 'http://model.invalid/v1',
    OPENAI_MODEL: 'other',
    OPENAI_SYSTEM_PROMPT: 'be kind',
    OPENAI_SYSTEM_ROLE: 'developer',
    OPENAI_MAX_TOKENS: '9',
    OPENAI_MAX_TOKENS_FIELD: 'max_tokens',
    OPENAI_TEMPERATURE: '0.5',
    OPENAI_INCLUDE_USAGE: 'false'
  })
  t.hasStrict(await answerOf(source), ['hello', { type: 'end', reason: 'stop' }])
  t.hasStrict(requests, [{
    url: 'http://model.invalid/v1/chat/completions',
    key: 'Bearer sk-1',
    body: {
      model: 'best',
      messages: [
        { role: 'developer', content: 'be kind' }, { role: 'user', content: 'hi' }
      ],
      max_tokens: 9,
      temperature: 0.5,
      seed: 7
    }
  }])
  t.notOk('stream_options' in (requests[0]?.body ?? {}))

  const about: Turn = {
    prompt: 'hi',
    attachments: [
      {
        kind: 'file', name: 'a.txt', type: 'application/octet-stream', size: 3, data: 'YWJj'
      }, { kind: 'file', type: 'application/pdf', size: 3, data: 'YWJj' }
    ],
    deadline: 0
  }
  const told = async (env: Record<string, string>): Promise<unknown> => {
    await answerOf((await sourcesFor({ openai: { fetch } }, { OPENAI_API_KEY: 'sk-1', ...env })).source, about)
    return requests.at(-1)?.body['messages']
  }
  t.match(await told({}), [{ content: /用户发来的文件 "a.txt"的内容[^]*abc[^]*application\/pdf/ }])
  t.match(await told({ WECOM_LANGUAGE: 'en', OPENAI_MAX_FILE_TEXT_BYTES: '1', OPENAI_PDF_AS_FILE: 'true' }), [{
    content: [
      { text: /from the user: file[^]*a\n[^]*2 more bytes of this file[^]*hi$/ }, { file: { file_data: 'data:application/pdf;base64,YWJj' } }
    ]
  }])
})

t.test('a choice that cannot be is a fault', async t => {
  t.same(sourceFaults({}, {}), [])
  t.hasStrict(sourceFaults({}, { STREAM_SOURCE: 'gpt' }), [{ name: 'STREAM_SOURCE', problem: 'is "gpt", expected one of mock, openai' }])
  t.hasStrict(sourceFaults(
    { source: 'gpt', sources: { mine, mock: mine } }, { STREAM_SOURCE: 'gpt' }
  ), [{ name: 'option source', problem: 'is "gpt", expected one of mock, openai, mine' }])
  t.hasStrict(sourceFaults({}, { STREAM_SOURCE: '__proto__' }), [{ name: 'STREAM_SOURCE' }])
  t.match(sourceFaults({}, { STREAM_SOURCE: 'x'.repeat(1000) })[0]?.problem, /^is "x{80}", expected/)
})

t.test('openai without a key is a fault, unless it is the openai of the host, or is not asked', async t => {
  const fault = [{ name: 'OPENAI_API_KEY', problem: 'is not set, expected a key, because the source is openai' }]
  t.same(sourceFaults({}, { STREAM_SOURCE: 'openai' }), fault)
  t.same(sourceFaults({}, { STREAM_SOURCE: 'openai', OPENAI_API_KEY: 'k' }), [])
  t.same(sourceFaults({ sources: { openai: mine } }, { STREAM_SOURCE: 'openai' }), [])
  t.same(sourceFaults({ source: mine }, { STREAM_SOURCE: 'openai' }), [])
})

t.test('a source of the host that is no function is a fault', async t => {
  const sources = { good: mine, bad: 'x', none: null } as unknown as Record<string, Source>
  t.same(sourceFaults({ sources }, {}).map(({ name }) => name), ['option sources.bad', 'option sources.none'])
  t.same(sourceFaults({ sources, source: mine }, {}).length, 2, 'whoever is asked')
  t.same(
    sourceFaults({ sources: null as unknown as Record<string, Source> }, {}), [], 'no object at all is left to the check of the option'
  )
})
