import { counter, dtype, number, perTensor, select, zeros } from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { decay, ema } from './form/moments.ts'

/**
 * Momentum of gradients that are divided by the size of past ones, one number a tensor. Needs the parameters, also
 * where the decay is 0. What is sent is rounded as it is kept, as in Optax.
 */
export const scaleByNovograd = transformation({
  name: 'scale_by_novograd',
  formula: `nu ← b2 · nu + (1 − b2) · ‖g‖²    at the first step ‖g‖²
mu ← b1 · mu + g / (√(nu + eps_root) + eps) + weight_decay · p
u = mu;  count ← count + 1`,
  reference:
    'Ginsburg et al., Stochastic Gradient Methods with Layer-wise Adaptive Moments for Training of Deep Networks, 2019, arXiv:1905.11286',
  options: {
    b1: number(0.9),
    b2: number(0.25),
    eps: number(1e-8),
    eps_root: number(0),
    weight_decay: number(0),
    mu_dtype: dtype(),
  },
  state: ({ mu_dtype }) => ({ count: counter(), mu: zeros(mu_dtype), nu: perTensor() }),
  update(g, { b1, b2, eps, eps_root, weight_decay, mu_dtype }, { count, mu, nu }, { parameter }) {
    const square = g.square().sum()
    const v = select(count.eq(0), square, ema(nu, square, b2))
    const scaled = g.div(v.add(eps_root).sqrt().add(eps))
    const m = decay(mu, b1, mu_dtype).add(scaled.add(parameter.mul(weight_decay)))
    return [mu_dtype === 'BF16' ? m.bf16() : m, { count: count.add(1), mu: m, nu: v }]
  },
})
