import type { Outcome } from '../stores/store.ts'
import type { Chat } from '../wecom/message.ts'
import type { StoredWork } from './adoption.ts'
import type { OpenStream } from './open-stream.ts'

export interface Opening {
  /** Names the message that asks for the stream. */
  claim?: string
  chat?: Chat
  /** For a stream that needs no source: it is created as ended, with this text if there is one. */
  outcome?: Outcome
  content?: string
  /** There is a way to the user besides the bubble: text that comes when that is over is not lost. */
  deliverable?: boolean
  /** How much of the text a full bubble shows, in bytes. */
  bubbleBytes?: number
  /** Why the outcome is a refusal, for the log. */
  why?: string
  /** What another process of a shared store needs to answer in this one's place. */
  work?: StoredWork
  /** Takes the stream in however many there are: for what costs no model. */
  always?: boolean
}

export interface Opened {
  id: string
  /** The stream, if it is open in this process, whichever delivery has opened it. */
  stream?: OpenStream
  /** True if the stream waits to be given to `run`; else it has ended already, or another delivery sees to it. */
  runnable: boolean
}
