import { constant, counter, flag, keywordOnly, number, select, zeros } from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { ema, unbias } from './form/moments.ts'

/** Rectified Adam: momentum alone until the variance of the second moment can be told. */
export const scaleByRadam = transformation({
  name: 'scale_by_radam',
  formula: `t = count + 1
m = b1 · mu + (1 − b1) · g
v = b2 · nu + (1 − b2) · g²
m̂ = m / (1 − b1ᵗ)    with nesterov: b1 · m / (1 − b1ᵗ⁺¹) + (1 − b1) · g / (1 − b1ᵗ)
v̂ = v / (1 − b2ᵗ)
ρ∞ = 2 / (1 − b2) − 1,  ρ = ρ∞ − 2 · t · b2ᵗ / (1 − b2ᵗ)
r = √((ρ − 4) · (ρ − 2) · ρ∞ / ((ρ∞ − 4) · (ρ∞ − 2) · ρ))
u = r · m̂ / (√(v̂ + eps_root) + eps) if ρ ≥ threshold, else m̂`,
  reference: 'Liu et al., On the Variance of the Adaptive Learning Rate and Beyond, 2019, arXiv:1908.03265',
  options: {
    b1: number(0.9),
    b2: number(0.999),
    eps: number(1e-8),
    eps_root: number(0),
    threshold: number(5),
    nesterov: keywordOnly(flag(false)),
  },
  state: { count: counter(), mu: zeros(), nu: zeros() },
  update(g, { b1, b2, eps, eps_root, threshold, nesterov }, { count, mu, nu }) {
    const t = count.add(1)
    const m = ema(mu, g, b1)
    const v = ema(nu, g.square(), b2)
    const mHat = nesterov ? ema(unbias(m, b1, t.add(1)), unbias(g, b1, t), b1) : unbias(m, b1, t)
    const limit = constant(2).div(b2.neg().add(1)).sub(1)
    const decayed = b2.powi(t)
    const length = limit.sub(t.mul(2).mul(decayed).div(decayed.neg().add(1)))
    const above = length.sub(4).mul(length.sub(2)).mul(limit)
    const r = above.div(limit.sub(4).mul(limit.sub(2)).mul(length)).sqrt()
    const rectified = mHat.mul(r).div(unbias(v, b2, t).add(eps_root).sqrt().add(eps))
    return [select(length.ge(threshold), rectified, mHat), { count: t, mu: m, nu: v }]
  },
})
