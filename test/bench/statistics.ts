export function median (values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)] as number : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

export interface Interval { low: number, high: number }

/**
 * The narrowest interval between two of the values that holds the median of what they are drawn from with at least this
 * probability, whatever its distribution: how many values lie below that median is the number of heads of as many coins.
 */
export function medianInterval (values: readonly number[], probability: number): Interval {
  const sorted = [...values].sort((a, b) => a - b)
  let outside = 0
  let cut = 0
  for (let share = 2 ** -sorted.length; 2 * (outside + share) <= 1 - probability; share *= (sorted.length - cut + 1) / cut) {
    outside += share
    cut++
  }
  if (cut === 0) throw new Error(`${sorted.length} values say too little of their median`)
  return { low: sorted[cut - 1] as number, high: sorted.at(-cut) as number }
}

/** Of values in ascending order. */
export const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] as number

export interface Percentiles { p50: number, p90: number, p99: number, max: number }

export const percentilesOf = (sorted: readonly number[]): Percentiles =>
  ({ p50: percentile(sorted, 0.5), p90: percentile(sorted, 0.9), p99: percentile(sorted, 0.99), max: sorted.at(-1) as number })

/** The median of each percentile. */
export const medianPercentiles = (rounds: readonly Percentiles[]): Percentiles => ({
  p50: median(rounds.map(({ p50 }) => p50)),
  p90: median(rounds.map(({ p90 }) => p90)),
  p99: median(rounds.map(({ p99 }) => p99)),
  max: median(rounds.map(({ max }) => max))
})

export interface Speed {
  perSecond: number
  /** Microseconds of the server's processor time for each. */
  cpuMicros: number
}

export interface Comparison {
  plugin: Speed
  floor: Speed
  /** Plugin to floor: the median of the ratios of the rounds, by throughput and by processor time. */
  ratio: number
  cpuRatio: number
  rounds: Array<{ plugin: Speed, floor: Speed }>
}

const medianSpeed = (speeds: readonly Speed[]): Speed =>
  ({ perSecond: median(speeds.map(speed => speed.perSecond)), cpuMicros: median(speeds.map(speed => speed.cpuMicros)) })

export const compare = (rounds: Array<{ plugin: Speed, floor: Speed }>): Comparison => ({
  plugin: medianSpeed(rounds.map(({ plugin }) => plugin)),
  floor: medianSpeed(rounds.map(({ floor }) => floor)),
  ratio: median(rounds.map(({ plugin, floor }) => plugin.perSecond / floor.perSecond)),
  cpuRatio: median(rounds.map(({ plugin, floor }) => floor.cpuMicros / plugin.cpuMicros)),
  rounds
})
