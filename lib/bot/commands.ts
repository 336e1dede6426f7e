import type { Texts } from '../texts/texts.ts'
import { InputError } from '../util/errors.ts'
import type { Conversation } from './conversations.ts'

export interface CommandContext {
  conversation: Conversation
  /** Ends the stream of that id, as a user would. */
  stop: (id: string) => Promise<unknown>
  /** The stream that carries the answer to the command. */
  id: string
  sender: string | undefined
}

/** A command of the host. What it gives is said in answer. */
export interface HostCommand {
  /** What calls it: the whole of a message, upper and lower case alike. */
  words: readonly string[]
  /** Stands in the help. */
  description: string
  run: (context: { sender: string | undefined, conversation: Pick<Conversation, 'history' | 'clear'> }) => string | Promise<string>
}

export interface CommandOptions {
  /** Default `/stop` and `停止`; an empty list switches it off, as with the others. */
  stop?: readonly string[]
  /** Default `/new` and `新对话`. */
  new?: readonly string[]
  /** Default `/help` and `帮助`. */
  help?: readonly string[]
  more?: readonly HostCommand[]
}

/** Gives the answer to a command. */
export type Command = (context: CommandContext) => Promise<string>

/** Finds the command that a message is; undefined where it is none. */
export function createCommands (options: CommandOptions, texts: Texts): (text: string) => Command | undefined {
  const { stop = ['/stop', '停止'], new: fresh = ['/new', '新对话'], help = ['/help', '帮助'], more = [] } = options
  const commands: Array<{ words: readonly string[], description: string, run: Command }> = [
    { words: stop, description: texts.helpStop, run: context => stopAll(context, texts) },
    { words: fresh, description: texts.helpNew, run: context => startAnew(context, texts) },
    { words: help, description: texts.helpHelp, run: async () => texts.help.replace('{commands}', () => list) },
    ...more.map(({ words, description, run }) => ({ words, description, run: async (context: CommandContext) => String(await run(context)) }))
  ]
  for (const { description, run } of more) {
    if (typeof description !== 'string' || typeof run !== 'function') throw new InputError('commands: one of the host has words, a description and run')
  }
  const byWord = new Map<string, Command>()
  for (const { words, run } of commands) {
    // A string would be taken for a list of letters.
    if (!Array.isArray(words)) throw new InputError('commands: words are a list')
    for (const word of words as unknown[]) {
      if (typeof word !== 'string' || word.trim() === '') throw new InputError('commands: a word is text that is not blank')
      if (byWord.has(normal(word))) throw new InputError(`commands: ${JSON.stringify(word)} is there twice`)
      byWord.set(normal(word), run)
    }
  }
  const list = commands
    .filter(({ words }) => words.length > 0)
    .map(({ words, description }) => `- ${words.join(' ')} — ${description}`)
    .join('\n')
  return text => byWord.get(normal(text)) ?? byWord.get(normal(text.replace(LEADING_MENTION, '')))
}

// Where the name of the bot is not configured, its mention is still there.
const LEADING_MENTION = /^\s*[@＠]\S+\s+/

const normal = (text: string): string => text.trim().normalize('NFKC').toLowerCase()

async function stopAll ({ conversation, stop, id }: CommandContext, texts: Texts): Promise<string> {
  const others = (await conversation.streams()).filter(other => other !== id)
  // The waiting ones first, so that none of them gets its turn in between.
  for (const other of others.reverse()) await stop(other)
  return others.length === 0 ? texts.stopNothing : texts.stopDone
}

async function startAnew (context: CommandContext, texts: Texts): Promise<string> {
  await stopAll(context, texts)
  await context.conversation.clear()
  return texts.newDone
}
