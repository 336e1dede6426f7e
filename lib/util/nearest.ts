/** How many letters have to be put in, taken out or replaced to make one text of the other. */
export function editsBetween (one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, column) => column)
  for (const [index, letter] of [...one].entries()) {
    const above = row
    row = [index + 1]
    for (let column = 1; column <= other.length; column++) {
      const replaced = (above[column - 1] as number) + (other[column - 1] === letter ? 0 : 1)
      row.push(Math.min(replaced, (above[column] as number) + 1, (row[column - 1] as number) + 1))
    }
  }
  return row.at(-1) as number
}

/** The item with the key that is nearest to a text, letter case aside, if it is within so many edits. */
export function nearest<T> (text: string, items: Iterable<T>, keysOf: (item: T) => readonly string[], maxEdits: number): T | undefined {
  let found: { item: T, edits: number } | undefined
  for (const item of items) {
    for (const key of keysOf(item)) {
      // A text of another length is farther away than that.
      if (Math.abs(key.length - text.length) > maxEdits) continue
      const edits = editsBetween(text.toLowerCase(), key.toLowerCase())
      if (edits <= maxEdits && edits < (found?.edits ?? Infinity)) found = { item, edits }
    }
  }
  return found?.item
}
