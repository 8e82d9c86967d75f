import {
  constant,
  counter,
  flag,
  number,
  optionalNumber,
  pair,
  rate,
  scalar,
  select,
  zeros,
} from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { ema } from './form/moments.ts'

/**
 * Adam that finds its step size: d, an estimate of how far the solution is, only grows. Complete with learning rate,
 * sign and weight decay. A first gradient of zeros gives NaN from then on, as in Optax.
 */
export const prodigy = transformation({
  name: 'prodigy',
  formula: `t = count + 1;  (β₁, β₂) = betas;  β₃ = beta3, or √β₂
λ = d · learning_rate(count) · √(1 − β₂ᵗ) / (1 − β₁ᵗ)
m ← β₁ · m + (1 − β₁) · d · g;  v ← β₂ · v + (1 − β₂) · (d · g)²
s ← β₃ · s + λ · d · g / estim_lr0    with safeguard_warmup: β₃ · s + d² · g / estim_lr0
r ← β₃ · r + d / estim_lr0 · λ · ⟨g, p₀ − p⟩
d' = max(d, estim_lr_coef · r / ‖s‖₁)
u = −weight_decay · λ · p − λ · m / (√v + d' · eps);  d ← d'`,
  reference:
    'Mishchenko and Defazio, Prodigy: An Expeditiously Adaptive Parameter-Free Learner, 2023, arXiv:2306.06101',
  options: {
    learning_rate: rate(1),
    betas: pair(number(), number(), [0.9, 0.999]),
    beta3: optionalNumber(),
    eps: number(1e-8),
    estim_lr0: number(1e-6),
    estim_lr_coef: number(1),
    weight_decay: number(0),
    safeguard_warmup: flag(false),
  },
  state: ({ estim_lr0 }) => ({
    exp_avg: zeros(),
    exp_avg_sq: zeros(),
    grad_sum: zeros(),
    params0: zeros(),
    estim_lr: scalar(estim_lr0),
    numerator_weighted: scalar(),
    count: counter(),
  }),
  update(g, options, state, { parameter: p, tree, expose }) {
    const { learning_rate, eps, estim_lr0, estim_lr_coef, weight_decay, safeguard_warmup } = options
    const [b1, b2] = options.betas
    const b3 = options.beta3 ?? b2.sqrt()
    const { count, estim_lr: d } = state
    const t = count.add(1)
    const correction = constant(1)
      .sub(b2.powi(t))
      .sqrt()
      .div(constant(1).sub(b1.powi(t)))
    const lr = d.mul(learning_rate.at(count)).mul(correction)
    const p0 = select(count.eq(0), p, state.params0)
    const dg = g.mul(d)
    const m = ema(state.exp_avg, dg, b1)
    const v = ema(state.exp_avg_sq, dg.square(), b2)
    const s = state.grad_sum.mul(b3).add(dg.mul((safeguard_warmup ? d : lr).div(estim_lr0)))
    const gain = d
      .div(estim_lr0)
      .mul(lr)
      .mul(tree.sum(g.mul(p0.sub(p))))
    const r = state.numerator_weighted.mul(b3).add(gain)
    const next = d.max(estim_lr_coef.mul(r).div(tree.sum(s.abs())))
    expose('estim_lr', next)
    const u = p.mul(weight_decay.mul(lr).neg()).sub(m.mul(lr).div(v.sqrt().add(next.mul(eps))))
    const averages = { exp_avg: m, exp_avg_sq: v, grad_sum: s, params0: p0 }
    return [u, { ...averages, estim_lr: next, numerator_weighted: r, count: t }]
  },
})
