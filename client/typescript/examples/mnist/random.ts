/** Uniform numbers in [0, 1) from a seed, so that a run can be repeated: xorshift32 (Marsaglia, 2003). */
export function uniform(seed: number): () => number {
  let state = seed | 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}
