import { counter, flag, keywordOnly, number, zeros } from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { ema, unbias } from './form/moments.ts'

/**
 * AdaBelief: divide by how far gradients are from their mean, the mean with this gradient in it. As in Optax,
 * `eps_root` stays in the state, so that it adds up from step to step.
 */
export const scaleByBelief = transformation({
  name: 'scale_by_belief',
  formula: `t = count + 1
m = b1 · mu + (1 − b1) · g
v = b2 · nu + (1 − b2) · (g − m)² + eps_root
m̂ = m / (1 − b1ᵗ)    with nesterov: b1 · m / (1 − b1ᵗ⁺¹) + (1 − b1) · g / (1 − b1ᵗ)
v̂ = v / (1 − b2ᵗ)
u = m̂ / (√v̂ + eps)`,
  reference:
    'Zhuang et al., AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed Gradients, 2020, arXiv:2010.07468',
  options: {
    b1: number(0.9),
    b2: number(0.999),
    eps: number(1e-16),
    eps_root: number(1e-16),
    nesterov: keywordOnly(flag(false)),
  },
  state: { count: counter(), mu: zeros(), nu: zeros() },
  update(g, { b1, b2, eps, eps_root, nesterov }, { count, mu, nu }) {
    const t = count.add(1)
    const m = ema(mu, g, b1)
    const v = ema(nu, g.sub(m).square(), b2).add(eps_root)
    const mHat = nesterov ? ema(unbias(m, b1, t.add(1)), unbias(g, b1, t), b1) : unbias(m, b1, t)
    return [mHat.div(unbias(v, b2, t).sqrt().add(eps)), { count: t, mu: m, nu: v }]
  },
})
