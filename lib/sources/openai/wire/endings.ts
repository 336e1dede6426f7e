/** What a finish reason says of the answer. `unknown` is a word that nobody has told us of. */
export type Ending = 'whole' | 'cut' | 'tool' | 'filtered' | 'busy' | 'broken' | 'unknown'

// Without separators and in lower case: makers differ in both.
const WORDS: Record<Exclude<Ending, 'unknown'>, string[]> = {
  whole: [
    'stop', 'stopped', 'stopsequence', 'stopword', 'stoptoken', 'stopstringfound', 'eos', 'eostoken', 'eosfound', 'endturn', 'endofturn',
    'endoftext', 'end', 'complete', 'completed', 'done', 'finish', 'finished', 'success', 'normal'
  ],
  cut: [
    'length', 'maxtoken', 'maxtokens', 'maxoutputtokens', 'maxcompletiontokens', 'maxnewtokens', 'maxpredictedtokensreached', 'maxlength',
    'modellength', 'modelcontextwindowexceeded', 'context', 'contextlength', 'contextlengthreached', 'contextlengthexceeded',
    'contextwindowexceeded', 'tokenlimit', 'tokenlimitreached', 'lengthlimit', 'limit', 'errorlimit', 'truncated', 'incomplete'
  ],
  tool: ['toolcall', 'toolcalls', 'functioncall', 'tooluse', 'unexpectedtoolcall', 'toomanytoolcalls'],
  filtered: [
    'contentfilter', 'contentfiltered', 'contentblocked', 'filtered', 'filter', 'sensitive', 'sensitivecontent', 'inputsensitive',
    'outputsensitive', 'safety', 'unsafe', 'imagesafety', 'recitation', 'imagerecitation', 'blocklist', 'blocked', 'promptblocked',
    'prohibitedcontent', 'imageprohibitedcontent', 'spii', 'refusal', 'risk', 'riskcontrol', 'errortoxic', 'modelarmor',
    'guardrailintervened', 'contentmoderated', 'moderation'
  ],
  busy: [
    'insufficientsystemresource', 'resourceexhausted', 'overloaded', 'engineoverloaded', 'serveroverloaded', 'serverbusy', 'busy',
    'ratelimit', 'ratelimited', 'ratelimitexceeded', 'throttled', 'serviceunavailable', 'unavailable'
  ],
  broken: [
    'error', 'networkerror', 'abort', 'aborted', 'cancelled', 'canceled', 'cancel', 'usercancel', 'userstopped', 'failed', 'failure',
    'timeout', 'timeouterror', 'timedout', 'timelimit', 'interrupted', 'terminated', 'preempted', 'connectionerror', 'connectionreset',
    'internalerror', 'servererror', 'upstreamerror', 'modelerror', 'modelunloaded', 'disconnected', 'exception', 'repetition',
    'malformedfunctioncall', 'malformedtooluse', 'malformedmodeloutput', 'malformedresponse'
  ]
}

/** In place of none, in chunks within an answer. */
const NO_WORDS = new Set(['null', 'none', 'undefined', 'unspecified', 'notfinished', 'unfinished', 'inprogress'])

const ENDINGS = new Map(Object.entries(WORDS).flatMap(([ending, words]) => words.map(word => [word, ending as Ending] as const)))

/** Whether a provider ended its answer with this word. */
export const isFinishReason = (word: unknown): word is string =>
  typeof word === 'string' && word.trim() !== '' && !NO_WORDS.has(plain(word))

export const endingOf = (finishReason: string): Ending => ENDINGS.get(plain(finishReason)) ?? 'unknown'

const plain = (word: string): string => word.toLowerCase().replace(/[^a-z]/g, '').replace(/^finishreason/, '')
