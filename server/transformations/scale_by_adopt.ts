import { counter, dtype, flag, keywordOnly, number, select, zeros } from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { ema } from './form/moments.ts'

/**
 * Adam's preconditioner in another order: divide by the root of the mean square as it was before this step, then
 * average. The first step only fills `nu`. What is averaged is clipped to ±count^¼; `clip_value_fn` cannot be another.
 */
export const scaleByAdopt = transformation({
  name: 'scale_by_adopt',
  formula: `x = g / max(√nu, eps)    with use_clipping: clip(x, ±count^¼)
m = b1 · mu + (1 − b1) · x;  at count = 0: mu
u = m    or, with nesterov, b1 · m + (1 − b1) · x
nu ← b2 · nu + (1 − b2) · g²;  at count = 0: g²`,
  reference:
    'Taniguchi et al., ADOPT: Modified Adam Can Converge with Any β2 with the Optimal Rate, 2024, arXiv:2411.02853',
  options: {
    b1: number(0.9),
    b2: number(0.9999),
    eps: number(1e-6),
    mu_dtype: dtype(),
    nesterov: keywordOnly(flag(false)),
    use_clipping: keywordOnly(flag(true)),
  },
  state: ({ mu_dtype }) => ({ count: counter(), mu: zeros(mu_dtype), nu: zeros() }),
  update(g, { b1, b2, eps, mu_dtype, nesterov, use_clipping }, { count, mu, nu }) {
    const first = count.eq(0)
    const decay = select(first, 1, b1)
    const scaled = g.div(nu.sqrt().max(eps))
    const limit = count.pow(0.25)
    const x = use_clipping ? scaled.max(limit.neg()).min(limit) : scaled
    const m = ema(mu, x, decay, mu_dtype)
    const v = ema(nu, g.square(), select(first, 0, b2))
    return [nesterov ? ema(m, x, decay) : m, { count: count.add(1), mu: m, nu: v }]
  },
})
