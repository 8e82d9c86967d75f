import type { Distances } from './oracle.ts'

/** How far answers may be from Optax's: a part of the update's norm, or so many times what Optax itself moves. */
export interface Allowance {
  readonly relative: number
  readonly times: number
}

export interface Difference {
  readonly step: number
  /** ‖ours − Optax's‖ / ‖Optax's‖; where Optax's is 0, ‖ours‖. */
  readonly off: number
  /** The same of what is allowed. */
  readonly allowed: number
}

export const isWithin = ({ off, allowed }: Difference): boolean => off <= allowed

/**
 * The step at which answers are farthest from Optax's, measured by what is allowed there. What is not finite must be
 * alike. Where Optax's own answer to inputs a unit in the last place away is not finite, there is nothing to compare.
 */
export function farthest(
  ours: readonly Float64Array[],
  theirs: readonly Float64Array[],
  moved: Distances,
  { relative, times }: Allowance,
): Difference {
  let worst: Difference = { step: 1, off: 0, allowed: relative }
  theirs.forEach((expected, i) => {
    const { off, norm } = distance(ours[i] ?? new Float64Array(), expected)
    const own = moved[i]
    if (own === null || own === undefined) return
    const found = {
      step: i + 1,
      off: off / (norm || 1),
      allowed: Math.max(relative, (times * own) / (norm || 1)),
    }
    if (found.off / found.allowed > worst.off / worst.allowed) worst = found
  })
  return worst
}

function distance(ours: Float64Array, theirs: Float64Array): { off: number; norm: number } {
  const parts = Array.from(theirs, (y, i) => {
    const x = ours[i] ?? Number.NaN
    if (Number.isFinite(x) && Number.isFinite(y)) return { off: x - y, norm: y }
    return { off: Object.is(x, y) ? 0 : Number.POSITIVE_INFINITY, norm: 0 }
  })
  return {
    off: Math.hypot(...parts.map(({ off }) => off)),
    norm: Math.hypot(...parts.map(({ norm }) => norm)),
  }
}
