import type { FailureClass } from '../../util/errors.ts'
import type { ProviderFault } from './wire/upstream-error.ts'

/** What a request may be refused for besides what its class says: both can be helped by asking for less. */
export type Refusal = 'history' | 'pictures'

// In lower case, without separators; of a code with a dot the part before it counts as well.
const CODES: Partial<Record<FailureClass, string[]>> = {
  QUOTA: [
    'insufficientquota', 'insufficientuserquota', 'insufficientbalance', 'insufficientcredits', 'insufficientfunds',
    'exceededcurrentquotaerror', 'arrearage',
    'accountoverdueerror', 'overduepayment', 'prepaidbilloverdue', 'postpaidbilloverdue', 'billingnotactive', 'billinghardlimitreached',
    'billingerror',
    'paymentrequired', 'allocationquota.freetieronly', 'preconsumetokenquotafailed', 'quotanotenough', 'quotaexceeded',
    'failedoperation.freeresourcepackexhausted', 'failedoperation.servicestop'
  ],
  FILTERED: [
    'contentfilter', 'datainspectionfailed', 'sensitivecontentdetected', 'inputtextsensitivecontentdetected',
    'outputtextsensitivecontentdetected',
    'inputimagesensitivecontentdetected', 'inputtextriskdetection', 'contentexistsrisk', 'contentpolicyviolation',
    'responsibleaipolicyviolation',
    'moderationblocked', 'censorshipblocked', 'sensitivewordsdetected', 'promptblocked', 'inappropriatecontent', 'riskcontrol'
  ],
  BUSY: [
    'ratelimitexceeded', 'ratelimiterror', 'ratelimitreachederror', 'ratelimitreached', 'toomanyrequests', 'limitrequests', 'throttling',
    'overloadederror',
    'engineoverloadederror', 'engineoverloaded', 'serveroverloaded', 'serverbusy', 'servicebusy', 'modeloverloaded'
  ],
  TIMEOUT: ['timeout', 'requesttimeout', 'gatewaytimeout', 'upstreamtimeout'],
  AUTH: ['invalidapikey', 'invalidauthenticationerror', 'authenticationerror', 'incorrectapikeyerror', 'permissiondenied', 'accessdenied'],
  BAD_REQUEST: [
    'modelnotfound', 'modelnotexist', 'invalidmodel', 'modelnotopen', 'unsupportedparameter', 'contextlengthexceeded',
    'contextwindowexceeded',
    'exceedcontextsizeerror', 'inputtoolong', 'prompttoolong', 'tokenstoolong', 'inputlengthexceeded', 'requesttoolarge'
  ]
}
const CLASSES = new Map(Object.entries(CODES).flatMap(([name, codes]) => codes.map(code => [code, name as FailureClass] as const)))

/**
 * Codes that are numbers mean something else with every maker: each counts with the status that it is listed with. 200 is an event of a
 * stream.
 */
const NUMBERS: Record<string, FailureClass> = {
  '403 30001': 'QUOTA', // SiliconFlow
  '429 1113': 'QUOTA', // GLM, as those to 1305
  '429 1302': 'BUSY',
  '429 1303': 'BUSY',
  '429 1305': 'BUSY',
  '400 1301': 'FILTERED',
  '400 1261': 'BAD_REQUEST',
  '200 1001': 'TIMEOUT', // MiniMax, as those to 1027
  '200 1004': 'AUTH',
  '200 1008': 'QUOTA',
  '200 1002': 'BUSY',
  '200 1026': 'FILTERED',
  '200 1027': 'FILTERED'
}

/** Codes that stand for any fault at all, besides the numbers that are not listed. */
const VAGUE = new Set([
  '', 'invalidrequesterror', 'invalidrequest', 'badrequest', 'badrequesterror', 'newapierror', 'oneapierror', 'upstreamerror', 'apierror',
  'error', 'badresponsestatuscode', 'invalidparameter', 'invalidparametererror', 'invalidargument', 'invalidparams'
])

const MONEY = anyOf(
  'insufficient (?:\\w+ )?(?:balance|quota|credits?|funds)', 'balance is (?:insufficient|not enough|too low)',
  'exceeded your current quota', 'out of credits?', 'used all available credits', 'spending limit', '余额不足', '额度不足', '额度已用[完尽]',
  '(?:余量|资源包)已?(?:用完|用尽|耗尽)', '欠费', '请充值', '充值后'
)
const INSPECTION = anyOf(
  'content exists risk', 'inappropriate content', 'sensitive (?:content|words?)', 'content (?:management )?policy', 'content filter',
  'considered high risk', 'input was flagged', '敏感(?:内容|信息|词)', '不安全', '违规内容', '涉嫌违规', '内容安全', '安全审核', '审核(?:不|未)通过'
)
const CONTEXT = anyOf(
  'context (?:length|window|size|limit)', '(?:maximum|max) (?:context|input|prompt|model|message) (?:length|tokens)', 'max_seq_len',
  'model token limit', 'range of input length', 'input length \\d+ exceeds', '(?:prompt|input) is too long',
  '(?:prompt|input) tokens? (?:count )?.{0,16}exceeds?', 'inputs` tokens', 'max length of current question',
  'reduce the length of the (?:messages|prompt|input)', '上下文长度', '(?:上下文|输入|提示词|token).{0,8}(?:过长|超长|超出|超过)'
)
const MODEL = anyOf('无可用渠道', 'no available channel')
const CONTEXT_CODES = new Set([
  'contextlengthexceeded', 'contextwindowexceeded', 'exceedcontextsizeerror', 'inputtoolong', 'prompttoolong', 'tokenstoolong',
  'inputlengthexceeded', '1261'
])
const PICTURES = /image|vision|multi-?modal|modalit|content[\d.[\]]*[ .]type|图片|图像|视觉|多模态/i

/** What the words of a provider say of its fault; undefined if the status has to say it. */
export function classOfFault (fault: ProviderFault, status = 200): FailureClass | undefined {
  for (const word of [fault.code, fault.type]) {
    const known = classOfCode(word) ?? numberOf(word, status)
    if (known !== undefined) return known
  }
  if (!isVague(fault.code, status)) return undefined
  const message = messageOf(fault)
  if (MONEY.test(message)) return 'QUOTA'
  if (INSPECTION.test(message)) return 'FILTERED'
  // Of a rate limit, tokens are those of a minute.
  return (CONTEXT.test(message) && status !== 429) || MODEL.test(message) ? 'BAD_REQUEST' : undefined
}

/** What might be left out of a request so that it is not refused again. */
export function refusalOf (fault: ProviderFault, status = 200): Refusal | undefined {
  const known = classOfFault(fault, status)
  const isRefused = status === 200 || (status >= 400 && status < 500 && status !== 429)
  if (!isRefused) return undefined
  if (known === 'FILTERED') return isOfHistory(fault) ? 'history' : undefined
  if (known === 'BAD_REQUEST' && namesContext(fault, status)) return 'history'
  if (known !== undefined && known !== 'BAD_REQUEST') return undefined
  const told = [fault.code, fault.type, fault.param, fault.message].filter(word => typeof word === 'string').join(' ')
  return (status === 400 || status === 422) && PICTURES.test(told) ? 'pictures' : undefined
}

/** Not what the model wrote, nor a picture: there are none in a history. */
const isOfHistory = ({ code, type, message }: ProviderFault): boolean =>
  ![code, type].some(word => /^(?:output|inputimage)/.test(plain(word))) && !/^\s*output\b|\boutput data may\b/i.test(messageOf({ message }))

function namesContext (fault: ProviderFault, status: number): boolean {
  return [fault.code, fault.type].some(word => CONTEXT_CODES.has(plain(word))) ||
    (isVague(fault.code, status) && CONTEXT.test(messageOf(fault)))
}

function classOfCode (word: unknown): FailureClass | undefined {
  const code = plain(word)
  return CLASSES.get(code) ?? CLASSES.get(code.replace(/\..*/, ''))
}

const numberOf = (code: unknown, status: number): FailureClass | undefined => NUMBERS[`${status} ${String(code)}`]
const isVague = (code: unknown, status: number): boolean =>
  VAGUE.has(plain(code)) || (/^\d+$/.test(String(code)) && numberOf(code, status) === undefined)
const messageOf = ({ message }: ProviderFault): string => typeof message === 'string' ? message : ''
const plain = (word: unknown): string =>
  typeof word === 'string' || typeof word === 'number' ? String(word).toLowerCase().replace(/[-_\s]/g, '') : ''

function anyOf (...words: string[]): RegExp {
  return new RegExp(words.join('|'), 'i')
}
