import { createInterface } from 'node:readline'
import { createLoopback } from '../../outbound/loopback.ts'
import type { SimulatedMessage, TranscriptFrame } from '../../simulator/conversation.ts'
import type { Exchange } from '../../simulator/post.ts'
import { createSimulator } from '../../simulator/simulator.ts'
import type { SimulatorTarget } from '../../simulator/transport.ts'
import type { Credentials } from '../../wecom/envelope.ts'
import { readArguments } from '../arguments.ts'
import type { Arguments, CommandSpec } from '../arguments.ts'
import { credentialOptions, environmentOf, readCredentials } from '../credentials.ts'
import { EXIT } from '../io.ts'
import type { Io } from '../io.ts'
import { readTarget, targetOptions } from '../target.ts'
import { createFileMessage, noFileMessage } from './files.ts'
import type { FileMessage } from './files.ts'
import { renderReply } from './render.ts'
import { createScreen, sizeOf } from './screen.ts'

const SPEC: CommandSpec = {
  name: 'chat',
  usage: '[URL] [options]',
  about: 'Talks with a bot as WeCom would: with that of URL, or without one with a bot of this package that is started for it.\n\n' +
    '/file PATH sends a picture or file, to a bot that is started for it alone. /quit leaves; /stop, /new and others go to the bot.',
  positionals: { min: 0, max: 1 },
  options: {
    ...credentialOptions,
    ...targetOptions,
    message: { type: 'string', short: 'm', value: 'TEXT', help: 'asks this alone; exits with 0 if it was answered, else with 1' },
    user: { type: 'string', value: 'ID', help: 'who asks; default simulated-user' },
    group: { type: 'string', value: 'ID', help: 'asks in a group; /as ID lets another member speak' },
    interval: { type: 'string', value: 'MS', help: 'from an answer to the next refresh; default 1000, as WeCom does' },
    wire: { type: 'boolean', help: 'shows each callback with its decrypted JSON' },
    json: { type: 'boolean', help: 'prints one JSON object a line' }
  }
}

interface Bot {
  target: SimulatorTarget
  credentials: Credentials
  name: string
  fileMessage: FileMessage
  close (): Promise<void>
}

/** `failed` if nothing was sent, the answer broke off, or it breaks the protocol; `left` after Ctrl-C for the second time. */
type Outcome = 'answered' | 'failed' | 'left'

export async function run (argv: readonly string[], io: Io): Promise<number> {
  const args = readArguments(SPEC, argv)
  const refreshMs = args.number('interval', { min: 0, max: 60_000, default: 1000 })
  const bot = await botOf(args, io)
  try {
    return await talk(bot, args, io, refreshMs)
  } finally {
    await bot.close()
  }
}

/** The bot of the URL, or one of ours that ends with the command. */
async function botOf (args: Arguments, io: Io): Promise<Bot> {
  const env = environmentOf(io)
  if (args.positionals.length > 0) {
    const { address, deliver } = readTarget(args, io)
    const credentials = readCredentials(args, env)
    return { target: deliver, credentials, name: address.href, fileMessage: noFileMessage, close: async () => {} }
  }
  const { createBotServer } = await import('../server.ts')
  const loopback = createLoopback()
  const { app, credentials, path, source } = await createBotServer({ ...env, LOG_LEVEL: 'silent' }, { loopback })
  return {
    target: { app, path },
    credentials,
    name: `a bot of this package, source: ${source}`,
    fileMessage: createFileMessage(loopback, credentials.encodingAESKey, io),
    close: async () => { await app.close() }
  }
}

async function talk (bot: Bot, args: Arguments, io: Io, refreshMs: number): Promise<number> {
  const json = args.flag('json')
  const write = (line: string): void => { io.stdout.write(`${line}\n`) }
  const event = (type: string, data: object): void => { write(JSON.stringify({ type, ...data })) }
  const columns = io.stdout.isTTY === true ? sizeOf(io.stdout).columns : undefined
  const onExchange = (exchange: Exchange): void => {
    if (!args.flag('wire')) return
    if (json) event('wire', wireOf(exchange))
    else for (const line of wireLines(exchange)) write(line)
  }
  const wecom = createSimulator({ target: bot.target, ...bot.credentials, clock: io.clock, refreshMs, onExchange })
  const chat = args.text('group')
  let user = args.text('user') ?? 'simulated-user'
  const sender = () => ({ user, ...(chat === undefined ? {} : { chat }) })

  async function ask (message: string | SimulatedMessage): Promise<Outcome> {
    const screen = createScreen(io)
    const leave = new AbortController()
    let interrupts = 0
    const giveBack = io.onInterrupt(() => {
      if (++interrupts > 1) leave.abort()
      else void wecom.send('/stop', { ...sender(), signal: leave.signal })
    })
    const onFrame = (frame: TranscriptFrame): void => {
      if (json) event('frame', { at: Math.round(frame.at), finish: frame.finish, content: frame.content })
      // The wire would be drawn over.
      else if (!args.flag('wire')) screen.show(renderReply(frame.reply, { columns }))
    }
    try {
      const { frames, finished, content, problems } = await wecom.send(message, {
        ...sender(), onFrame, signal: AbortSignal.any([leave.signal, io.signal])
      })
      const last = frames.at(-1)
      if (json) event('answer', { finished, content, problems })
      else {
        if (last !== undefined) screen.settle(renderReply(last.reply, { columns }))
        for (const problem of problems) io.stderr.write(`problem: ${problem}\n`)
      }
      if (leave.signal.aborted) return 'left'
      return finished && problems.length === 0 ? 'answered' : 'failed'
    } finally {
      giveBack()
    }
  }

  async function say (text: string): Promise<Outcome> {
    const [isFile, path = ''] = /^\/file(?:\s+(.*))?$/.exec(text) ?? []
    if (isFile === undefined) return await ask(text)
    const message = await bot.fileMessage(path)
    if (typeof message !== 'string') return await ask(message)
    if (json) event('answer', { finished: false, content: '', problems: [message] })
    else io.stderr.write(`problem: ${message}\n`)
    return 'failed'
  }

  const message = args.text('message')
  if (message !== undefined) return await say(message) === 'answered' ? EXIT.OK : EXIT.FAILED

  if (json) event('ready', { bot: bot.name })
  else {
    const file = bot.fileMessage === noFileMessage ? '' : '/file PATH sends a file, '
    write(`Talking with ${bot.name}. /stop ends an answer, /new begins a new conversation, ${file}/quit leaves.`)
  }
  const lines = createInterface({ input: io.stdin, signal: io.signal })
  const prompt = (): void => { if (columns !== undefined && !json) io.stdout.write(chat === undefined ? '> ' : `${user}> `) }
  let allWell = true
  prompt()
  for await (const line of lines) {
    const text = line.trim()
    if (text === '/quit') break
    const other = /^\/as (\S+)$/.exec(text)?.[1]
    if (other !== undefined) user = other
    const outcome = other !== undefined || text === '' ? undefined : await say(text)
    if (outcome === 'left') break
    allWell &&= outcome !== 'failed'
    prompt()
  }
  lines.close()
  return allWell && !io.signal.aborted ? EXIT.OK : EXIT.FAILED
}

/** Nobody answered. */
const NO_ANSWER = { statusCode: 0, body: '' }

function wireOf ({ at, tookMs, text, request, answer, reply, problems }: Exchange): object {
  const { statusCode, body } = answer ?? NO_ANSWER
  return {
    at,
    ms: Math.round(tookMs),
    sent: Buffer.byteLength(request.body as string),
    status: statusCode,
    bytes: Buffer.byteLength(body),
    message: JSON.parse(text),
    reply: reply ?? null,
    problems
  }
}

function wireLines ({ at, tookMs, text, answer, reply }: Exchange): string[] {
  const { statusCode, body } = answer ?? NO_ANSWER
  const time = new Date(at).toISOString().slice(11, 23)
  return [
    `${time} ${JSON.parse(text).msgtype} ${Buffer.byteLength(body)} B ${Math.round(tookMs)} ms`,
    `  > ${text}`,
    `  < ${reply === undefined ? `status ${statusCode}` : JSON.stringify(reply)}`
  ]
}
