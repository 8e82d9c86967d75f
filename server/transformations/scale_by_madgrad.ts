import { counter, number, rate, select, zeros } from '../expression/index.ts'
import { transformation } from './form/define.ts'

/** Dual averaging with the cube root of summed squares, and momentum. What it gives is an update, with its sign. */
export const scaleByMadgrad = transformation({
  name: 'scale_by_madgrad',
  formula: `λ = (learning_rate(count) + eps) · √(count + 1)
grad_sum_sq ← grad_sum_sq + λ · g²;  s ← s + λ · g
z = x₀ − s / (∛grad_sum_sq + eps)
u = (1 − momentum) · (z − p)`,
  reference:
    'Defazio and Jelassi, Adaptivity without Compromise: A Momentumized, Adaptive, Dual Averaged Gradient Method, 2021, arXiv:2101.11075',
  options: { learning_rate: rate(), momentum: number(0.9), eps: number(1e-6) },
  state: { count: counter(), grad_sum_sq: zeros(), s: zeros(), x0: zeros() },
  update(g, { learning_rate, momentum, eps }, { count, grad_sum_sq, s: s0, x0 }, { parameter: p, expose }) {
    const lr = learning_rate.at(count)
    expose('learning_rate', lr)
    const lambda = lr.add(eps).mul(count.add(1).sqrt())
    const squares = grad_sum_sq.add(g.square().mul(lambda))
    const s = s0.add(g.mul(lambda))
    const start = select(count.eq(0), p, x0)
    const z = start.sub(p).sub(s.div(squares.pow(1 / 3).add(eps)))
    return [z.mul(momentum.neg().add(1)), { count: count.add(1), grad_sum_sq: squares, s, x0: start }]
  },
})
