import type { Setting } from '../config/settings.ts'

export interface ServerConfig {
  HOST: string
  PORT: number
  LOG_LEVEL: string
}

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']

/** What only the server of `npm start` needs; the plugin knows none of it. */
export const serverSettings = {
  HOST: { option: 'host', schema: { type: 'string', default: '127.0.0.1' }, expected: 'an address to listen on', telling: true },
  PORT: {
    option: 'port',
    schema: { type: 'integer', minimum: 0, maximum: 65535, default: 3000 },
    expected: 'a whole number from 0 (any free port) to 65535',
    telling: true
  },
  LOG_LEVEL: { option: 'logLevel', schema: { type: 'string', enum: LEVELS, default: 'info' }, expected: `one of ${LEVELS.join(', ')}`, telling: true }
} satisfies Record<keyof ServerConfig, Setting>
