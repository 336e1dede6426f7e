import { checkNode } from '../lib/util/node-version.ts'

checkNode()

export { createSimulator } from '../lib/simulator/simulator.ts'
export type { Simulator, SimulatorOptions, VerifyResult } from '../lib/simulator/simulator.ts'
export type { EventOptions, SimulatedEvent } from '../lib/simulator/event.ts'
export type { SimulatedSender } from '../lib/simulator/message.ts'
export type { Exchange, PostOverrides, PostResult } from '../lib/simulator/post.ts'
export type { SendOptions, SimulatedMessage, Transcript, TranscriptFrame } from '../lib/simulator/conversation.ts'
export type { Answer, Deliver, InjectApp, Outgoing, SimulatorTarget } from '../lib/simulator/transport.ts'
export { checkFrames } from '../lib/simulator/frame-check.ts'
export type { CheckFramesOptions } from '../lib/simulator/frame-check.ts'
