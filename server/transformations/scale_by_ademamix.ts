import { counter, dtype, number, rate, zeros } from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { ema, unbias } from './form/moments.ts'

/**
 * Adam's preconditioner with a second, slow average of gradients beside the fast one. The slow one is not corrected for
 * its start at 0: it is to come in slowly. `mu_dtype` changes nothing: Optax's averages take the gradients' number
 * type at the first step, whatever they start in.
 */
export const scaleByAdemamix = transformation({
  name: 'scale_by_ademamix',
  formula: `t = count + 1
m1 = b1 · m1 + (1 − b1) · g
m2 = b3(count) · m2 + (1 − b3(count)) · g
v = b2 · nu + (1 − b2) · g²
u = (m1 / (1 − b1ᵗ) + alpha(count) · m2) / (√(v / (1 − b2ᵗ) + eps_root) + eps)`,
  reference: 'Pagliardini et al., The AdEMAMix Optimizer: Better, Faster, Older, 2024, arXiv:2409.03137',
  options: {
    b1: number(0.9),
    b2: number(0.999),
    b3: rate(0.9999),
    alpha: rate(6),
    eps: number(1e-8),
    eps_root: number(0),
    mu_dtype: dtype(),
  },
  state: { count: counter(), m1: zeros(), m2: zeros(), nu: zeros() },
  update(g, { b1, b2, b3, alpha, eps, eps_root }, { count, m1, m2, nu }) {
    const t = count.add(1)
    const fast = ema(m1, g, b1)
    const slow = ema(m2, g, b3.at(count))
    const v = ema(nu, g.square(), b2)
    const m = unbias(fast, b1, t).add(slow.mul(alpha.at(count)))
    const u = m.div(unbias(v, b2, t).add(eps_root).sqrt().add(eps))
    return [u, { count: t, m1: fast, m2: slow, nu: v }]
  },
})
