import type { Axis } from './report.ts'

/** Where values lie on an axis, and which of them are written at it. */
export interface Scale {
  readonly at: (value: number) => number
  readonly ticks: readonly number[]
}

/**
 * A scale for `values` from pixel `from` to pixel `to`.
 *
 * @param tight whether it ends at the largest value, and not at a round number beyond it
 */
export function scaleOf(
  axis: Axis,
  values: readonly number[],
  from: number,
  to: number,
  tight = false,
): Scale {
  const finite = values.filter(Number.isFinite)
  if (axis.scale !== 'log') return linear(finite, from, to, tight)
  const positive = finite.filter((value) => value > 0)
  return logarithmic(positive.length > 0 ? positive : [1, 10], from, to)
}

function linear(values: readonly number[], from: number, to: number, tight: boolean): Scale {
  const most = Math.max(...values, 1e-9)
  const step = roundStep(most / (tight ? 8 : 5))
  const steps = tight ? Math.floor(most / step + 1e-9) : Math.ceil(most / step - 1e-9)
  const end = tight ? most : steps * step
  const ticks = Array.from({ length: steps + 1 }, (_, i) => i * step)
  return { at: (value) => from + (value / end) * (to - from), ticks }
}

/** 1, 2 or 5 times a power of ten. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least))
  return ([1, 2, 5].find((digit) => digit * power >= least) ?? 10) * power
}

function logarithmic(values: readonly number[], from: number, to: number): Scale {
  const [least, most] = [Math.min(...values), Math.max(...values)]
  // Ends are ticks: whole decades, or 1, 2, 5 of them where there are few.
  const all = decades(least, most)
  const whole = all.filter((tick) => Math.abs(Math.log10(tick) % 1) < 1e-9)
  const ticks = whole.length > 4 ? whole : all
  const low = Math.log10(Math.min(least, ticks[0] ?? least))
  const high = Math.log10(Math.max(most, ticks.at(-1) ?? most))
  const at = (value: number) => from + ((Math.log10(value) - low) / (high - low || 1)) * (to - from)
  return { at, ticks }
}

/** 1, 2 and 5 of all decades, from the last one that is at most `least` to the first that is at least `most`. */
function decades(least: number, most: number): number[] {
  const [low, high] = [Math.floor(Math.log10(least)), Math.ceil(Math.log10(most))]
  const all = Array.from({ length: high - low + 1 }, (_, i) => low + i).flatMap((power) =>
    [1, 2, 5].map((digit) => (power < 0 ? digit / 10 ** -power : digit * 10 ** power)),
  )
  const first = all.findLastIndex((tick) => tick <= least)
  const last = all.findIndex((tick) => tick >= most)
  return all.slice(Math.max(0, first), last < 0 ? undefined : last + 1)
}

/** Three digits, and K, M, G for thousands. */
export function shown(value: number): string {
  if (value === 0) return '0'
  const size = Math.abs(value)
  const [unit, name] = (
    [
      [1e9, 'G'],
      [1e6, 'M'],
      [1e3, 'K'],
    ] as const
  ).find(([from]) => size >= from) ?? [1, '']
  return `${Number((value / unit).toPrecision(3))}${name}`
}
