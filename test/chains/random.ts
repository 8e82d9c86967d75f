/** Whole numbers below `bound`, the same ones for the same seed (xorshift32, Marsaglia 2003). */
export const seeded = (seed: number): ((bound: number) => number) => {
  let x = seed | 0 || 1
  return (bound) => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return (x >>> 0) % bound
  }
}

/** One of them. */
export const oneOf = <T>(random: (bound: number) => number, all: readonly T[]): T => {
  const chosen = all[random(all.length)]
  if (chosen === undefined) throw new RangeError('Cannot choose from nothing')
  return chosen
}
