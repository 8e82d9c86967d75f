import { full, number, select, startNumber } from '../expression/index.ts'
import { transformation } from './form/define.ts'

/** Divide by the root of the sum of all squared gradients so far (Adagrad). */
export const scaleByRss = transformation({
  name: 'scale_by_rss',
  formula: `sum_of_squares ← sum_of_squares + g²
u = g / √(sum_of_squares + eps) where sum_of_squares > 0, else 0`,
  reference:
    'Duchi et al., Adaptive Subgradient Methods for Online Learning and Stochastic Optimization, JMLR 2011',
  options: { initial_accumulator_value: startNumber(0.1), eps: number(1e-7) },
  state: ({ initial_accumulator_value }) => ({ sum_of_squares: full(initial_accumulator_value) }),
  update(g, { eps }, { sum_of_squares }) {
    const sum = g.square().add(sum_of_squares)
    return [select(sum.gt(0), sum.add(eps).rsqrt(), 0).mul(g), { sum_of_squares: sum }]
  },
})
