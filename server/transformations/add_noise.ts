import {
  constant,
  counter,
  keywordOnly,
  number,
  routine,
  type Setting,
  scalar,
  seed,
  splitKey,
  wordsOf,
} from '../expression/index.ts'
import { transformation } from './form/define.ts'

/** Why there cannot be both. */
export const oneKey = ({
  key,
  seed,
}: {
  readonly key: Setting
  readonly seed: Setting
}): string | undefined =>
  key !== null && seed !== null ? 'key and seed are two names of one option, expected one of them' : undefined

/**
 * Add noise of the normal distribution, of a variance that falls with the steps. It is JAX's noise: of one key the same
 * in every run, and the same rounded on engines of float32. Without a key it is that of 0, as in Optax.
 */
export const addNoise = transformation({
  name: 'add_noise',
  formula: `t = count + 1
rng_key, sample = split(rng_key);  kᵢ = key i of sample split among the tensors
u = g + √(eta / t^gamma) · normal(kᵢ)`,
  reference:
    'Neelakantan et al., Adding Gradient Noise Improves Learning for Very Deep Networks, 2015, arXiv:1511.06807',
  options: { eta: number(), gamma: number(), key: seed(), seed: keywordOnly(seed()) },
  refuse: oneKey,
  state({ key, seed }) {
    const [high, low] = wordsOf(key ?? seed ?? 0)
    return { count: counter(), rng_key_0: scalar(high), rng_key_1: scalar(low) }
  },
  update(g, { eta, gamma }, { count, rng_key_0, rng_key_1 }, { tensor, tree }) {
    const t = count.add(1)
    const key = [rng_key_0, rng_key_1] as const
    const [next, sample] = [splitKey(key, constant(0)), splitKey(key, constant(1))]
    const noise = routine({ name: 'normal' }, splitKey(sample, tree.ordinal()), tensor)
    const u = g.add(noise.mul(eta.div(t.pow(gamma)).sqrt()))
    return [u, { count: t, rng_key_0: next[0], rng_key_1: next[1] }]
  },
})
