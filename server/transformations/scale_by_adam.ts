import { counter, dtype, flag, keywordOnly, number, zeros } from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { ema, unbias } from './form/moments.ts'

/**
 * Adam's preconditioner. `eps` stands outside the root and after the bias correction; `eps_root` inside it.
 * With `nesterov` the momentum looks one step ahead (NAdam).
 */
export const scaleByAdam = transformation({
  name: 'scale_by_adam',
  formula: `t = count + 1
m = b1 · mu + (1 − b1) · g
v = b2 · nu + (1 − b2) · g²
m̂ = m / (1 − b1ᵗ)    with nesterov: b1 · m / (1 − b1ᵗ⁺¹) + (1 − b1) · g / (1 − b1ᵗ)
v̂ = v / (1 − b2ᵗ)
u = m̂ / (√(v̂ + eps_root) + eps)`,
  reference:
    'Kingma and Ba, Adam: A Method for Stochastic Optimization, 2014, arXiv:1412.6980; nesterov: Dozat, 2016',
  options: {
    b1: number(0.9),
    b2: number(0.999),
    eps: number(1e-8),
    eps_root: number(0),
    mu_dtype: dtype(),
    nesterov: keywordOnly(flag(false)),
  },
  state: ({ mu_dtype }) => ({ count: counter(), mu: zeros(mu_dtype), nu: zeros() }),
  update(g, { b1, b2, eps, eps_root, mu_dtype, nesterov }, { count, mu, nu }) {
    const t = count.add(1)
    const m = ema(mu, g, b1, mu_dtype)
    const v = ema(nu, g.square(), b2)
    const mHat = nesterov ? ema(unbias(m, b1, t.add(1)), unbias(g, b1, t), b1) : unbias(m, b1, t)
    const u = mHat.div(unbias(v, b2, t).add(eps_root).sqrt().add(eps))
    return [u, { count: t, mu: m, nu: v }]
  },
})
