import { constant, counter, number, select, zeros } from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { ema, unbias } from './form/moments.ts'

/**
 * AdaBelief's preconditioner out of step with the gradient: divide by the deviation as it was before this step, so
 * that both are independent. The first update is the gradient itself. `eps_root` is added to what is kept.
 */
export const scaleByAcprop = transformation({
  name: 'scale_by_acprop',
  formula: `ν̂ = nu / (1 − b2^count)    1 at count = 0
u = g / (√ν̂ + eps)
nu ← b2 · nu + (1 − b2) · (g − mu)² + eps_root
mu ← b1 · mu + (1 − b1) · g;  count ← count + 1`,
  reference:
    'Zhuang et al., Momentum Centering and Asynchronous Update for Adaptive Gradient Methods, 2021, arXiv:2110.05454',
  options: { b1: number(0.9), b2: number(0.999), eps: number(1e-16), eps_root: number(1e-16) },
  state: { count: counter(), mu: zeros(), nu: zeros() },
  update(g, { b1, b2, eps, eps_root }, { count, mu, nu }) {
    const nuHat = select(count.eq(0), constant(1), unbias(nu, b2, count.max(1)))
    const u = g.div(nuHat.sqrt().add(eps))
    const v = ema(nu, g.sub(mu).square(), b2).add(eps_root)
    return [u, { count: count.add(1), mu: ema(mu, g, b1), nu: v }]
  },
})
