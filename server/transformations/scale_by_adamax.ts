import { counter, number, zeros } from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { ema, unbias } from './form/moments.ts'

/** Adam with the largest of the decayed past gradients in place of their mean square. Only the mean is corrected. */
export const scaleByAdamax = transformation({
  name: 'scale_by_adamax',
  formula: `t = count + 1
m = b1 · mu + (1 − b1) · g
v = max(|g| + eps, b2 · nu)
u = m / (1 − b1ᵗ) / v`,
  reference: 'Kingma and Ba, Adam: A Method for Stochastic Optimization, 2014, arXiv:1412.6980, section 7.1',
  options: { b1: number(0.9), b2: number(0.999), eps: number(1e-8) },
  state: { count: counter(), mu: zeros(), nu: zeros() },
  update(g, { b1, b2, eps }, { count, mu, nu }) {
    const t = count.add(1)
    const m = ema(mu, g, b1)
    const v = g.abs().add(eps).max(nu.mul(b2))
    return [unbias(m, b1, t).div(v), { count: t, mu: m, nu: v }]
  },
})
