import { constant, number, scalar, select, zeros } from '../expression/index.ts'
import { transformation } from './form/define.ts'

/** Go on by as much as the gradient has changed. At the first step it has not. */
export const scaleByOptimisticGradient = transformation({
  name: 'scale_by_optimistic_gradient',
  formula: `u = (alpha + beta) · g − beta · previous_gradient    at the first step previous_gradient = g
previous_gradient ← g`,
  reference:
    'Mokhtari et al., A Unified Analysis of Extra-gradient and Optimistic Gradient Methods for Saddle Point Problems, 2019, arXiv:1901.08511',
  options: { alpha: number(1), beta: number(1) },
  state: { is_initial_step: scalar(1), previous_gradient: zeros() },
  update(g, { alpha, beta }, { is_initial_step, previous_gradient }) {
    const previous = select(is_initial_step, g, previous_gradient)
    const u = g.mul(alpha.add(beta)).sub(previous.mul(beta))
    return [u, { is_initial_step: constant(0), previous_gradient: g }]
  },
})
