import type { Env } from '../config/environment.ts'
import type { TranscriptFrame } from '../simulator/conversation.ts'
import { createSimulator } from '../simulator/simulator.ts'
import { createBotServer } from './server.ts'

const REFRESH_MS = 500
const FRAMES_BEFORE_STOP = 4

/** Shows one life of the bot: the URL verified, a message answered, another one stopped half-way. False if anything went wrong. */
export async function showOneLife (env: Env, print: (text: string) => void): Promise<boolean> {
  // A server of its own on any free port, beside whatever runs already.
  const { app, credentials, path, source } = await createBotServer({ ...env, HOST: '127.0.0.1', PORT: '0', LOG_LEVEL: 'warn' })
  const show = ({ at, finish, content }: TranscriptFrame): void => {
    print(`${(at / 1000).toFixed(1).padStart(6)} s  ${finish ? 'finished' : 'running '}  ${JSON.stringify(content)}`)
  }
  try {
    const target = await app.listen({ host: '127.0.0.1', port: 0 }) + path
    const wecom = createSimulator({ target, ...credentials, refreshMs: REFRESH_MS })
    print(`server up at ${target}, source: ${source}`)

    const verified = await wecom.verify()
    print(`URL ${verified.ok ? 'verified' : 'NOT verified'}`)

    print('\nA message, and a refresh every 500 ms:')
    const whole = await wecom.send('What can you do?', { onFrame: show })
    const answered = await app.getStreamState(whole.id)
    print(`status: ${answered.status}`)

    print('\nAnother message, stopped half-way:')
    let frames = 0
    let stopping: Promise<unknown> | undefined
    const half = await wecom.send('Tell me a long story.', {
      onFrame: frame => {
        show(frame)
        if (++frames !== FRAMES_BEFORE_STOP) return
        print('stopping')
        stopping = app.stopStream(idOf(frame))
      }
    })
    await stopping
    if (stopping === undefined) print('it had ended before it could be stopped')
    print(`status: ${(await app.getStreamState(half.id)).status}`)

    const problems = [...verified.problems, ...whole.problems, ...half.problems]
    for (const problem of problems) print(`problem: ${problem}`)
    print('\ndone')
    return problems.length === 0 && answered.status === 'done'
  } finally {
    await app.close()
  }
}

const idOf = (frame: TranscriptFrame): string => (frame.reply['stream'] as { id: string }).id
