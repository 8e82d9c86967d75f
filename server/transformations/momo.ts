import { constant, counter, flag, number, rate, scalar, select, zeros } from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { ema } from './form/moments.ts'

/** Float64's epsilon: below it, ‖m‖² counts as 0 and no step is taken. */
const tiny = 2 ** -52

/**
 * Momentum whose step goes as far as the model of past losses says, at most `learning_rate`. Complete with sign and
 * weight decay. Needs the loss, and parameters.
 */
export const momo = transformation({
  name: 'momo',
  formula: `β = beta, 0 at count = 0;  α = learning_rate(count);  ρ = 1 + α · weight_decay
f ← β · f + (1 − β) · loss;  m ← β · m + (1 − β) · g;  γ ← β · γ + (1 − β) · ⟨g, p⟩
lb' = lb    with adapt_lower_bound, where c = ρ · (f − γ) + ⟨m, p⟩ < ρ · lb: max(c / 2ρ, lower_bound)
τ = min(α, max(ρ · (f − lb' − γ) + ⟨m, p⟩, 0) / ‖m‖²)
u = −(α · weight_decay / ρ) · p − τ · m
with adapt_lower_bound: lb ← max(f + ⟨m, p⟩ − γ − ½ τ · ‖m‖², lower_bound)`,
  reference: 'Schaipp et al., MoMo: Momentum Models for Adaptive Learning Rates, 2023, arXiv:2305.07583',
  options: {
    learning_rate: rate(1),
    beta: number(0.9),
    lower_bound: number(0),
    weight_decay: number(0),
    adapt_lower_bound: flag(false),
  },
  state: ({ lower_bound }) => ({
    exp_avg: zeros(),
    barf: scalar(),
    gamma: scalar(),
    lb: scalar(lower_bound),
    count: counter(),
  }),
  update(g, options, { exp_avg, barf, gamma, lb, count }, { parameter: p, loss, tree, expose }) {
    const { learning_rate, beta, lower_bound, weight_decay, adapt_lower_bound } = options
    const b = select(count.eq(0), 0, beta)
    const alpha = learning_rate.at(count)
    const rho = alpha.mul(weight_decay).add(1)
    const f = ema(barf, loss, b)
    const m = ema(exp_avg, g, b)
    const c = ema(gamma, tree.sum(g.mul(p)), b)
    const [square, product] = [tree.sum(m.square()), tree.sum(m.mul(p))]
    const cap = rho.mul(f.sub(c)).add(product)
    const lowered = select(cap.lt(rho.mul(lb)), cap.div(rho.mul(2)).max(lower_bound), lb)
    const bound = adapt_lower_bound ? lowered : lb
    const reach = rho.mul(f.sub(bound).sub(c)).add(product).max(0).div(square)
    const tau = alpha.min(select(square.le(tiny), constant(0), reach))
    expose('step_size', tau)
    const u = p.mul(alpha.mul(weight_decay).div(rho).neg()).sub(m.mul(tau))
    const model = f.add(product).sub(c).sub(tau.mul(square).mul(0.5))
    const next = { exp_avg: m, barf: f, gamma: c, count: count.add(1) }
    return [u, { ...next, lb: adapt_lower_bound ? model.max(lower_bound) : lb }]
  },
})
