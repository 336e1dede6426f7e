import type { Message } from '../wecom/message.ts'

/** Ids are opaque: they are compared as they stand. */
export interface AccessList {
  /** Empty lets in whatever is not denied. */
  allow: readonly string[]
  /** Wins over `allow`. */
  deny: readonly string[]
}

export interface AccessListsOptions {
  users: AccessList
  /** Of groups; a single chat is its user. */
  chats: AccessList
  bots: AccessList
}

export type ListName = 'bot list' | 'chat list' | 'user list'

/** Returns the list that refuses a message; undefined if none does. */
export type AccessLists = (message: Message) => ListName | undefined

export function createAccessLists ({ users, chats, bots }: AccessListsOptions): AccessLists {
  const [admitsUser, admitsChat, admitsBot] = [users, chats, bots].map(gateOf) as [Gate, Gate, Gate]
  return ({ bot, sender, chatId, isGroup }) => {
    if (!admitsBot(bot)) return 'bot list'
    if (isGroup && !admitsChat(chatId)) return 'chat list'
    return admitsUser(sender) ? undefined : 'user list'
  }
}

type Gate = (id: string | undefined) => boolean

function gateOf ({ allow, deny }: AccessList): Gate {
  const allowed = new Set<string | undefined>(allow)
  const denied = new Set<string | undefined>(deny)
  return id => !denied.has(id) && (allowed.size === 0 || allowed.has(id))
}
