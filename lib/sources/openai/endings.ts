/** What a finish reason says of the answer. `unknown` is a word that nobody has told us of. */
export type Ending = 'whole' | 'cut' | 'tool' | 'filtered' | 'busy' | 'broken' | 'unknown'

// Without separators and in lower case: makers differ in both.
const WORDS: Record<Exclude<Ending, 'unknown'>, string[]> = {
  whole: [
    'stop', 'stopsequence', 'stopword', 'eos', 'eostoken', 'endturn', 'endoftext', 'end', 'complete', 'completed', 'done', 'finished',
    'success', 'normal'
  ],
  cut: [
    'length', 'maxtokens', 'maxoutputtokens', 'maxcompletiontokens', 'maxnewtokens', 'maxlength', 'modellength',
    'modelcontextwindowexceeded',
    'contextlength', 'contextlengthexceeded', 'tokenlimit', 'truncated', 'incomplete'
  ],
  tool: ['toolcalls', 'toolcall', 'functioncall', 'tooluse'],
  filtered: [
    'contentfilter', 'contentfiltered', 'filtered', 'filter', 'sensitive', 'safety', 'imagesafety', 'recitation', 'blocklist', 'blocked',
    'prohibitedcontent', 'spii', 'refusal', 'risk', 'guardrailintervened', 'contentmoderated', 'moderation'
  ],
  busy: [
    'insufficientsystemresource', 'overloaded', 'engineoverloaded', 'serverbusy', 'busy', 'ratelimit', 'ratelimited', 'ratelimitexceeded'
  ],
  broken: [
    'error', 'networkerror', 'abort', 'aborted', 'cancelled', 'canceled', 'cancel', 'failed', 'failure', 'timeout', 'timedout',
    'interrupted', 'connectionerror',
    'internalerror', 'servererror', 'upstreamerror', 'modelerror', 'disconnected', 'exception', 'repetition', 'malformedfunctioncall',
    'malformedresponse'
  ]
}

const ENDINGS = new Map(Object.entries(WORDS).flatMap(([ending, words]) => words.map(word => [word, ending as Ending] as const)))

export const endingOf = (finishReason: string): Ending =>
  ENDINGS.get(finishReason.toLowerCase().replace(/[^a-z]/g, '').replace(/^finishreason/, '')) ?? 'unknown'
