import type { HistoryTurn, Turn } from '../sources/source.ts'
import type { History } from '../stores/history.ts'

/**
 * What the turns that a source is given are called in the history; undefined for one that is not from there. A hook may have
 * changed them: they are told by their place if there are as many as are remembered, and else by what they say.
 */
export function idsOfGiven ({ turns, ids }: History, { history }: Pick<Turn, 'history'>): ReadonlyArray<string | undefined> {
  const given: unknown = history
  if (!Array.isArray(given)) return []
  if (given.length === ids.length) return ids
  const left = turns.map((turn, index) => ({ said: saidIn(turn), id: ids[index] }))
  return given.map((turn: HistoryTurn) => {
    const index = left.findIndex(({ said }) => said === saidIn(turn))
    return index === -1 ? undefined : left.splice(index, 1)[0]?.id
  })
}

const saidIn = (turn: HistoryTurn): string => JSON.stringify([turn?.prompt, turn?.reply])
