import { dtype, flag, number, zeros } from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { decay as decayed } from './form/moments.ts'

/** Momentum: the decayed sum of past gradients. There is no (1 − decay); that is `ema`. */
export const trace = transformation({
  name: 'trace',
  formula: `t = g + decay · trace
u = t    or, with nesterov, g + decay · t`,
  reference: 'Sutskever et al., On the importance of initialization and momentum in deep learning, ICML 2013',
  options: { decay: number(), nesterov: flag(false), accumulator_dtype: dtype() },
  state: ({ accumulator_dtype }) => ({ trace: zeros(accumulator_dtype) }),
  update(g, { decay, nesterov, accumulator_dtype }, { trace: before }) {
    const t = g.add(decayed(before, decay, accumulator_dtype))
    return [nesterov ? g.add(t.mul(decay)) : t, { trace: t }]
  },
})
