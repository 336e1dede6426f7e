import { loadTexts } from '../../texts/texts.ts'
import { contentOf } from './bot.ts'
import type { Conversation } from './scenes.ts'

const SENTENCES = [loadTexts().denied, loadTexts({}, 'en').denied]

/** Whether a bot of this package has its lists say that the sender may not talk to it. */
export const isDenied = ({ wires }: Conversation): boolean => wires.some(wire => SENTENCES.includes(contentOf(wire)))
