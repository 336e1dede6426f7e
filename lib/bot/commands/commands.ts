import type { Texts } from '../../texts/texts.ts'
import { isMentions } from '../../wecom/mention.ts'
import type { Conversation } from '../conversations.ts'
import { DEFAULT_WORDS, normal } from './command-options.ts'
import type { CommandOptions } from './command-options.ts'

export interface CommandContext {
  conversation: Conversation
  /** Ends the stream of that id, as a user would. */
  stop: (id: string) => Promise<unknown>
  /** The stream that carries the answer to the command. */
  id: string
  sender: string | undefined
  /** Calls again what failed because the stores were away. */
  insist?: <T>(call: () => Promise<T>) => Promise<T>
}

/** Returns the answer to a command. */
export type Command = (context: CommandContext) => Promise<string>

/** Finds the command that a message is; undefined if it is none. */
export function createCommands (options: CommandOptions, texts: Texts): (text: string) => Command | undefined {
  const { stop = DEFAULT_WORDS.stop, new: fresh = DEFAULT_WORDS.new, help = DEFAULT_WORDS.help, more = [] } = options
  const commands: Array<{ words: readonly string[], description: string, run: Command }> = [
    { words: stop, description: texts.helpStop, run: context => stopAll(context, texts) },
    { words: fresh, description: texts.helpNew, run: context => startAnew(context, texts) },
    { words: help, description: texts.helpHelp, run: async () => texts.help.replace('{commands}', () => list) },
    ...more.map(
      ({ words, description, run }) => ({ words, description, run: async (context: CommandContext) => String(await run(context)) })
    )
  ]
  const byWord = new Map(commands.flatMap(({ words, run }) => words.map(word => [normal(word), run] as const)))
  const list = commands
    .filter(({ words }) => words.length > 0)
    .map(({ words, description }) => `- ${words.join(' ')} — ${description}`)
    .join('\n')
  return text => {
    const said = normal(text)
    return byWord.get(said) ?? [...byWord].find(([word]) => isAmongMentions(word, said))?.[1]
  }
}

/** No command has more mentions around it. */
const MAX_CHARS = 1000

/** Whether a text is a word and mentions: that of the bot, if its name is not configured, and of others. */
function isAmongMentions (word: string, text: string): boolean {
  if (!text.includes('@') || text.length > MAX_CHARS) return false
  const hasSlash = word.startsWith('/')
  // Without a slash it could be a word of a question, too.
  const words = hasSlash ? undefined : 1
  for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + 1)) {
    const [before, after] = [text.slice(0, at), text.slice(at + word.length)]
    const begins = before === '' || /\s$/.test(before) || (hasSlash && /(?:^|\s)@[^\s/]+$/.test(before))
    const ends = after === '' || /^\s/.test(after) || (after.startsWith('@') && (hasSlash || /\W$/.test(word)))
    if (begins && ends && isMentions(before, words) && isMentions(after, words)) return true
  }
  return false
}

const callOnce = <T>(call: () => Promise<T>): Promise<T> => call()

async function stopAll ({ conversation, stop, id, insist = callOnce }: CommandContext, texts: Texts): Promise<string> {
  const others = (await insist(() => conversation.streams())).filter(other => other !== id)
  // The waiting ones first, so that none of them gets its turn in between.
  for (const other of others.reverse()) await insist(() => stop(other))
  return others.length === 0 ? texts.stopNothing : texts.stopDone
}

async function startAnew (context: CommandContext, texts: Texts): Promise<string> {
  const { conversation, insist = callOnce } = context
  await stopAll(context, texts)
  await insist(() => conversation.clear())
  return texts.newDone
}
