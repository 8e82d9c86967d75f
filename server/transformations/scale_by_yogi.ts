import { counter, full, number, startNumber } from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { ema, unbias } from './form/moments.ts'

/** Adam whose second moment moves by steps of the gradient's size. Both moments start at the same small number. */
export const scaleByYogi = transformation({
  name: 'scale_by_yogi',
  formula: `t = count + 1
m = b1 · mu + (1 − b1) · g
v = nu − (1 − b2) · sign(nu − g²) · g²
m̂ = m / (1 − b1ᵗ),  v̂ = v / (1 − b2ᵗ)
u = m̂ / (√(v̂ + eps_root) + eps)    mu and nu start at initial_accumulator_value`,
  reference: 'Zaheer et al., Adaptive Methods for Nonconvex Optimization, NeurIPS 2018',
  options: {
    b1: number(0.9),
    b2: number(0.999),
    eps: number(1e-3),
    eps_root: number(0),
    initial_accumulator_value: startNumber(1e-6),
  },
  state: ({ initial_accumulator_value }) => ({
    count: counter(),
    mu: full(initial_accumulator_value),
    nu: full(initial_accumulator_value),
  }),
  update(g, { b1, b2, eps, eps_root }, { count, mu, nu }) {
    const t = count.add(1)
    const square = g.square()
    const m = ema(mu, g, b1)
    const v = nu.sub(nu.sub(square).sign().mul(b2.neg().add(1)).mul(square))
    const u = unbias(m, b1, t).div(unbias(v, b2, t).add(eps_root).sqrt().add(eps))
    return [u, { count: t, mu: m, nu: v }]
  },
})
