import { constant, counter, number, pair, rate, scalar, startNumber, zeros } from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { ema } from './form/moments.ts'

/**
 * AdamW that finds its step size: d, a lower bound of how far the solution is, only grows. Complete with learning rate,
 * sign and weight decay. A first gradient of zeros gives NaN from then on, as in Optax.
 */
export const dadaptAdamw = transformation({
  name: 'dadapt_adamw',
  formula: `t = count + 1;  (β₁, β₂) = betas
λ = d · learning_rate(count) · √(1 − β₂ᵗ) / (1 − β₁ᵗ)
r ← √β₂ · r + (1 − √β₂) · λ · ⟨g, s / (√v + eps)⟩    with s and v as they were
m ← β₁ · m + (1 − β₁) · λ · g;  v ← β₂ · v + (1 − β₂) · g²;  s ← √β₂ · s + (1 − √β₂) · λ · g
d ← max(d, r / ((1 − √β₂) · ‖s‖₁))
u = −weight_decay · λ · p − m / (√v + eps)`,
  reference: 'Defazio and Mishchenko, Learning-Rate-Free Learning by D-Adaptation, 2023, arXiv:2301.07733',
  options: {
    learning_rate: rate(1),
    betas: pair(number(), number(), [0.9, 0.999]),
    eps: number(1e-8),
    estim_lr0: startNumber(1e-6),
    weight_decay: number(0),
  },
  state: ({ estim_lr0 }) => ({
    exp_avg: zeros(),
    exp_avg_sq: zeros(),
    grad_sum: zeros(),
    estim_lr: scalar(estim_lr0),
    numerator_weighted: scalar(),
    count: counter(),
  }),
  update(g, { learning_rate, betas: [b1, b2], eps, weight_decay }, state, { parameter: p, tree, expose }) {
    const t = state.count.add(1)
    const correction = constant(1)
      .sub(b2.powi(t))
      .sqrt()
      .div(constant(1).sub(b1.powi(t)))
    const lr = state.estim_lr.mul(learning_rate.at(state.count)).mul(correction)
    const root = b2.sqrt()
    const gain = tree.sum(g.mul(state.grad_sum.div(state.exp_avg_sq.sqrt().add(eps))))
    const r = ema(state.numerator_weighted, lr.mul(gain), root)
    const m = ema(state.exp_avg, g.mul(lr), b1)
    const v = ema(state.exp_avg_sq, g.square(), b2)
    const s = ema(state.grad_sum, g.mul(lr), root)
    const d = state.estim_lr.max(r.div(constant(1).sub(root).mul(tree.sum(s.abs()))))
    expose('estim_lr', d)
    const u = p.mul(weight_decay.mul(lr).neg()).sub(m.div(v.sqrt().add(eps)))
    const next = { exp_avg: m, exp_avg_sq: v, grad_sum: s, estim_lr: d, numerator_weighted: r, count: t }
    return [u, next]
  },
})
