import { counter, dtype, flag, number, zeros } from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { ema as average, unbias } from './form/moments.ts'

/** Replace gradients by their moving average. What is kept is not corrected for its start at 0, what is sent is. */
export const ema = transformation({
  name: 'ema',
  formula: `t = count + 1
m = decay · ema + (1 − decay) · g
u = m / (1 − decayᵗ)    or, without debias, m`,
  reference: 'optax.ema',
  options: { decay: number(), debias: flag(true), accumulator_dtype: dtype() },
  state: ({ accumulator_dtype }) => ({ count: counter(), ema: zeros(accumulator_dtype) }),
  update(g, { decay, debias, accumulator_dtype }, { count, ema: m0 }) {
    const t = count.add(1)
    const m = average(m0, g, decay, accumulator_dtype)
    return [debias ? unbias(m, decay, t) : m, { count: t, ema: m }]
  },
})
