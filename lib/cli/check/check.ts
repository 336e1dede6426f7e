import { isTaken } from './bot.ts'
import type { Bot, Wire } from './bot.ts'
import type { SceneName, Scenes } from './scenes.ts'

export type Verdict =
  | { status: 'PASS' }
  | { status: 'SKIP', reason: string }
  | { status: 'FAIL', reason: string, wire: Wire }

export interface CheckContext extends Scenes {
  bot: Bot
  prompt: string
  /** Whether the bot repeats its prompt. */
  echo: boolean
}

/** One named demand on a callback. It judges one thing, and bears every other fault. */
export interface Check {
  /** `group.demand` */
  name: string
  /** The WeCom document that it comes from. */
  document: number
  /** What is demanded. */
  about: string
  /** What it looks at, which other checks may look at, too. */
  scenes: readonly SceneName[]
  run (context: CheckContext): Promise<Verdict>
}

/** A check of probes that are unlike the plain one, which has to be taken for that. */
export const probing = (name: string, document: number, about: string, judge: (bot: Bot) => Promise<Verdict>): Check => ({
  name,
  document,
  about,
  scenes: ['probe'],
  async run ({ bot, probe }) {
    return unanswered(await probe()) === undefined ? await judge(bot) : skip('not even a plain refresh is taken: see refresh.unknown')
  }
})

export const PASS: Verdict = { status: 'PASS' }
export const skip = (reason: string): Verdict => ({ status: 'SKIP', reason })
export const fail = (reason: string, wire: Wire): Verdict => ({ status: 'FAIL', reason, wire })

/** Fails with the first of these in which something is found. */
export function failFirst (wires: readonly Wire[], find: (wire: Wire, index: number) => string | undefined): Verdict {
  for (const [index, wire] of wires.entries()) {
    const reason = find(wire, index)
    if (reason !== undefined) return fail(reason, wire)
  }
  return PASS
}

/** Why a request was not taken, whatever it was. That the status is 200 and no other is a check of its own. */
export const unanswered = ({ answer, failure }: Wire): string | undefined => answer === undefined || isTaken(answer)
  ? failure?.message
  : `the status is ${answer.statusCode} instead of 200`
