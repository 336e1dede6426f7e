import type OpenAI from 'openai'
import { ConfigError } from '../../util/errors.ts'
import type { OpenAISettings } from './options.ts'

type Client = typeof OpenAI

let loading: Promise<Client> | undefined

/** The package `openai`, which is only imported if its source is used: it takes longer than all the rest together. */
export const loadOpenAI = (): Promise<Client> => (loading ??= importOpenAI())

export async function importOpenAI (load: () => Promise<{ default: Client }> = () => import('openai')): Promise<Client> {
  try {
    return (await load()).default
  } catch (error) {
    const { code, name } = error as { code?: string, name?: string }
    throw new ConfigError(
      [{ name: 'package openai', problem: `cannot be loaded (${code ?? name}), expected it to be installed: npm install openai` }]
    )
  }
}

/** The longest timer there is: the guard's limits are the ones that fire, not the SDK's. */
const NO_SDK_TIMEOUT_MS = 2 ** 31 - 1

/** A client for one request, because the guard is for one. Null and 'off' keep it from reading the environment. */
export async function createClient (settings: OpenAISettings, guardedFetch: typeof fetch): Promise<OpenAI> {
  const Client = await loadOpenAI()
  return new Client({
    apiKey: settings.apiKey,
    baseURL: settings.baseURL,
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    fetch: guardedFetch,
    maxRetries: 0,
    timeout: NO_SDK_TIMEOUT_MS,
    logLevel: 'off'
  })
}
