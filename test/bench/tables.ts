export const whole = (value: number): string => Math.round(value).toLocaleString('en-US')
export const fraction = (value: number): string => value.toFixed(2)

export function printTable (title: string, head: readonly string[], rows: ReadonlyArray<readonly string[]>): void {
  const lines = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...lines.map(line => line[column]?.length ?? 0)))
  console.log(`\n${title}`)
  for (const line of lines) {
    console.log(
      '  ' + line.map((cell, column) => column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)).join('  ')
    )
  }
}
