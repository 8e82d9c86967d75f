import { counter, number, rate, zeros } from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { ema, unbias } from './form/moments.ts'

/** AdEMAMix with one average: a decayed sum of gradients, and this step's gradient beside it. */
export const scaleBySimplifiedAdemamix = transformation({
  name: 'scale_by_simplified_ademamix',
  formula: `m ← b1 · m + g
n ← b2 · n + (1 − b2) · g²;  t ← t + 1
u = (m + alpha(t − 1) · g) / (√(n / (1 − b2ᵗ) + eps_root) + eps)`,
  reference:
    'Morwani et al., Connections between Schedule-Free Optimizers, AdEMAMix, and Accelerated SGD Variants, 2025, arXiv:2502.02431',
  options: {
    b1: number(0.99),
    b2: number(0.95),
    alpha: rate(0),
    eps: number(1e-8),
    eps_root: number(0),
  },
  state: { t: counter(), m: zeros(), n: zeros() },
  update(g, { b1, b2, alpha, eps, eps_root }, { t: count, m: m0, n: n0 }) {
    const t = count.add(1)
    const m = g.add(m0.mul(b1))
    const n = ema(n0, g.square(), b2)
    const u = m.add(g.mul(alpha.at(count))).div(unbias(n, b2, t).add(eps_root).sqrt().add(eps))
    return [u, { t, m, n }]
  },
})
