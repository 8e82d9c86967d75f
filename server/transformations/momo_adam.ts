import { constant, counter, flag, number, rate, scalar, select, zeros } from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { ema, unbias } from './form/moments.ts'

/** Float64's epsilon: below it, ‖m‖² counts as 0 and no step is taken. */
const tiny = 2 ** -52

/**
 * Adam whose step goes as far as the model of past losses says, at most `learning_rate`. Complete with sign and weight
 * decay. Needs the loss, and parameters.
 */
export const momoAdam = transformation({
  name: 'momo_adam',
  formula: `t = count + 1;  α = learning_rate(count);  ρ = 1 + α · weight_decay;  κ = 1 − b1ᵗ
f ← b1 · f + (1 − b1) · loss;  γ ← b1 · γ + (1 − b1) · ⟨g, p⟩
m ← b1 · m + (1 − b1) · g;  v ← b2 · v + (1 − b2) · g²;  D = √(v / (1 − b2ᵗ)) + eps
lb' = lb    with adapt_lower_bound, where c = ρ · (f − γ) + ⟨m, p⟩ < ρ · κ · lb: max(c / 2ρκ, lower_bound)
τ = min(α / κ, max(ρ · (f − κ · lb' − γ) + ⟨m, p⟩, 0) / ⟨m, m / D⟩)
u = −(α · weight_decay / ρ) · p − τ · m / D
with adapt_lower_bound: lb ← max((f + ⟨m, p⟩ − γ − ½ τ · ⟨m, m / D⟩) / κ, lower_bound)`,
  reference: 'Schaipp et al., MoMo: Momentum Models for Adaptive Learning Rates, 2023, arXiv:2305.07583',
  options: {
    learning_rate: rate(1e-2),
    b1: number(0.9),
    b2: number(0.999),
    eps: number(1e-8),
    lower_bound: number(0),
    weight_decay: number(0),
    adapt_lower_bound: flag(false),
  },
  state: ({ lower_bound }) => ({
    exp_avg: zeros(),
    exp_avg_sq: zeros(),
    barf: scalar(),
    gamma: scalar(),
    lb: scalar(lower_bound),
    count: counter(),
  }),
  update(g, options, { exp_avg, exp_avg_sq, barf, gamma, lb, count }, { parameter: p, loss, tree, expose }) {
    const { learning_rate, b1, b2, eps, lower_bound, weight_decay, adapt_lower_bound } = options
    const t = count.add(1)
    const alpha = learning_rate.at(count)
    const rho = alpha.mul(weight_decay).add(1)
    const kappa = constant(1).sub(b1.powi(t))
    const f = ema(barf, loss, b1)
    const c = ema(gamma, tree.sum(g.mul(p)), b1)
    const m = ema(exp_avg, g, b1)
    const v = ema(exp_avg_sq, g.square(), b2)
    const direction = m.div(unbias(v, b2, t).sqrt().add(eps))
    const [square, product] = [tree.sum(m.mul(direction)), tree.sum(m.mul(p))]
    const cap = rho.mul(f.sub(c)).add(product)
    const least = cap.div(rho.mul(kappa).mul(2)).max(lower_bound)
    const bound = adapt_lower_bound ? select(cap.lt(rho.mul(kappa).mul(lb)), least, lb) : lb
    const reach = rho
      .mul(f.sub(kappa.mul(bound)).sub(c))
      .add(product)
      .max(0)
      .div(square)
    const tau = alpha.div(kappa).min(select(square.le(tiny), constant(0), reach))
    expose('step_size', tau)
    const u = p.mul(alpha.mul(weight_decay).div(rho).neg()).sub(direction.mul(tau))
    const model = f.add(product).sub(c).sub(tau.mul(square).mul(0.5)).div(kappa)
    const next = { exp_avg: m, exp_avg_sq: v, barf: f, gamma: c, count: t }
    return [u, { ...next, lb: adapt_lower_bound ? model.max(lower_bound) : lb }]
  },
})
