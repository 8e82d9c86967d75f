import { integer, number } from '../options.ts'
import { schedule } from './schedule.ts'

/** Half a cosine from `init_value` down to `alpha · init_value`, then constant. */
export const cosineDecaySchedule = schedule({
  name: 'cosine_decay_schedule',
  formula: 'init_value · ((1 − alpha) · (½ (1 + cos(π min(t, decay_steps) / decay_steps)))^exponent + alpha)',
  reference:
    'Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2017, arXiv:1608.03983',
  options: {
    init_value: number(),
    decay_steps: integer(undefined, { min: 1 }),
    alpha: number(0),
    exponent: number(1),
  },
  value(count, { init_value, decay_steps, alpha, exponent }) {
    const t = count.min(decay_steps)
    const cosine = t.mul(Math.PI).div(decay_steps).cos().add(1).mul(0.5)
    return init_value.mul(alpha.neg().add(1).mul(cosine.pow(exponent)).add(alpha))
  },
})
