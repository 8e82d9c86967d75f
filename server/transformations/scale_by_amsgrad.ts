import { counter, dtype, flag, number, zeros } from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { ema, unbias } from './form/moments.ts'

/**
 * Adam with a second moment that never shrinks. The largest is taken after the bias correction; without
 * `bias_correction_nu` before it, as in the paper.
 */
export const scaleByAmsgrad = transformation({
  name: 'scale_by_amsgrad',
  formula: `t = count + 1
m = b1 · mu + (1 − b1) · g
v = b2 · nu + (1 − b2) · g²
m̂ = m / (1 − b1ᵗ)    or, without bias_correction_mu, m
v̂ = v / (1 − b2ᵗ)    or, without bias_correction_nu, v
nu_max ← max(nu_max, v̂)
u = m̂ / (√(nu_max + eps_root) + eps)`,
  reference: 'Reddi et al., On the Convergence of Adam and Beyond, ICLR 2018, arXiv:1904.09237',
  options: {
    b1: number(0.9),
    b2: number(0.999),
    eps: number(1e-8),
    eps_root: number(0),
    mu_dtype: dtype(),
    bias_correction_mu: flag(true),
    bias_correction_nu: flag(true),
  },
  state: ({ mu_dtype }) => ({ count: counter(), mu: zeros(mu_dtype), nu: zeros(), nu_max: zeros() }),
  update(g, options, { count, mu, nu, nu_max }) {
    const { b1, b2, eps, eps_root, mu_dtype, bias_correction_mu, bias_correction_nu } = options
    const t = count.add(1)
    const m = ema(mu, g, b1, mu_dtype)
    const v = ema(nu, g.square(), b2)
    const mHat = bias_correction_mu ? unbias(m, b1, t) : m
    const vHat = bias_correction_nu ? unbias(v, b2, t) : v
    const largest = nu_max.max(vHat)
    const u = mHat.div(largest.add(eps_root).sqrt().add(eps))
    return [u, { count: t, mu: m, nu: v, nu_max: largest }]
  },
})
