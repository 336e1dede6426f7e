import { contentOf } from './bot.ts'
import type { Wire } from './bot.ts'
import { fail, PASS, skip } from './check.ts'
import type { Check } from './check.ts'
import { isDenied } from './denied.ts'
import { MULTIBYTE } from './scenes.ts'

const echo = (name: string, about: string, scene: 'conversation' | 'multibyte', said: (prompt: string) => string): Check => ({
  name,
  document: 100719,
  about,
  scenes: [scene],
  async run (context) {
    if (!context.echo) return skip('only with --echo, for a bot that repeats what it is told')
    const conversation = await context[scene]()
    if (isDenied(conversation)) return skip('the bot refuses the sender')
    const last = conversation.wires.at(-1) as Wire
    return contentOf(last).includes(said(context.prompt)) ? PASS : fail('the answer does not have it', last)
  }
})

export const echoChecks: readonly Check[] = [
  echo('echo.prompt', 'the answer repeats the prompt', 'conversation', prompt => prompt),
  echo('echo.multibyte', `the answer repeats ${MULTIBYTE}`, 'multibyte', () => MULTIBYTE)
]
