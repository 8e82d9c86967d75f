import { oneOf } from '../chains/random.ts'
import { times } from './chains.ts'
import { names } from './masks.ts'
import type { Random } from './settings.ts'

export interface Inputs {
  readonly tensors: readonly { readonly name: string; readonly shape: readonly number[] }[]
  readonly params: Float64Array
  readonly gradients: readonly Float64Array[]
  readonly losses: readonly number[]
}

/** Ranks 0 to 4 and odd sizes. Few, for whoever answers compiles its arithmetic for each shape anew. */
const shapes: readonly (readonly number[])[] = [[], [1], [5], [129], [7, 1], [3, 7], [2, 3, 5], [2, 1, 3, 4]]

const steps = 6
const sizes = [0.02, 0.3, 1, 1, 3, 30] as const

/** Tensors with parameters, and the gradients and losses of some steps: all exact in float32. */
export function drawInputs(random: Random): Inputs {
  const chosen = names.filter(() => random(2) === 0).slice(0, 5)
  const tensors = (chosen.length > 0 ? chosen : ['gain']).map((name) => ({
    name,
    shape: oneOf(random, shapes),
  }))
  const parts = tensors.map(({ shape }) => shape.reduce((n, d) => n * d, 1))
  const count = parts.reduce((a, b) => a + b, 0)
  const still = random(3) === 0 ? random(count) : -1
  return {
    tensors,
    // Some tensors start as zeros: norms of parameters are then 0.
    params: Float64Array.from(
      parts.flatMap((n) => {
        const scale = oneOf(random, [1, 1, 1, 0.1, 0])
        return times(n, () => Math.fround(scale * normal(random)))
      }),
    ),
    gradients: times(steps, () => {
      const scale = random(10) === 0 ? 0 : oneOf(random, sizes)
      return Float64Array.from(times(count, (i) => (i === still ? 0 : Math.fround(scale * normal(random)))))
    }),
    losses: times(steps, () => (1 + random(16)) / 2),
  }
}

/** A number of the standard normal distribution (Box and Muller, 1958). */
function normal(random: Random): number {
  const uniform = () => (random(2 ** 30) + 0.5) / 2 ** 30
  return Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
}
