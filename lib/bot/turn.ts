import type { Turn } from '../sources/source.ts'
import { originOf } from '../wecom/message.ts'
import type { Message } from '../wecom/message.ts'

/** What a source is told of a message besides its prompt. */
export const turnOf = (message: Message): Omit<Turn, 'prompt' | 'deadline'> => ({ ...originOf(message), message })
