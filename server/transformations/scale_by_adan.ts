import { counter, number, select, zeros } from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { ema, unbias } from './form/moments.ts'

/** Adaptive Nesterov momentum. At the first step there is no gradient before, and the difference is 0. */
export const scaleByAdan = transformation({
  name: 'scale_by_adan',
  formula: `t ← t + 1
d = g − g₋₁    at the first step 0
m ← b1 · m + (1 − b1) · g
v ← b2 · v + (1 − b2) · d
n ← b3 · n + (1 − b3) · (g + (1 − b2) · d)²
m̂ = m / (1 − b1ᵗ),  v̂ = v / (1 − b2ᵗ),  n̂ = n / (1 − b3ᵗ)
u = (m̂ + (1 − b2) · v̂) / (√(n̂ + eps_root) + eps)`,
  reference:
    'Xie et al., Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep Models, 2022, arXiv:2208.06677',
  options: {
    b1: number(0.98),
    b2: number(0.92),
    b3: number(0.99),
    eps: number(1e-8),
    eps_root: number(0),
  },
  state: { m: zeros(), v: zeros(), n: zeros(), g: zeros(), t: counter() },
  update(g, { b1, b2, b3, eps, eps_root }, { m: m0, v: v0, n: n0, g: before, t: count }) {
    const t = count.add(1)
    const d = select(count.eq(0), 0, g.sub(before))
    const weight = b2.neg().add(1)
    const m = ema(m0, g, b1)
    const v = ema(v0, d, b2)
    const n = ema(n0, g.add(d.mul(weight)).square(), b3)
    const [mHat, vHat, nHat] = [unbias(m, b1, t), unbias(v, b2, t), unbias(n, b3, t)]
    const u = mHat.add(vHat.mul(weight)).div(nHat.add(eps_root).sqrt().add(eps))
    return [u, { m, v, n, g, t }]
  },
})
