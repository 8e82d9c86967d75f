import { counter, type Expr, flag, full, number, type Slot, startNumber, zeros } from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { ema, inverseRoot, unbias } from './form/moments.ts'

/** Divide by the standard deviation of past gradients (centred RMSProp). */
export const scaleByStddev = transformation({
  name: 'scale_by_stddev',
  formula: `mu ← decay · mu + (1 − decay) · g
nu ← decay · nu + (1 − decay) · g²
u = g / √(max(nu − mu², 0) + eps)    or, without eps_in_sqrt, g / (√max(nu − mu², 0) + eps)`,
  reference: 'Hinton, Overview of mini-batch gradient descent, 2012',
  options: {
    decay: number(0.9),
    eps: number(1e-8),
    initial_scale: startNumber(0),
    eps_in_sqrt: flag(true),
    bias_correction: flag(false),
  },
  state: ({ initial_scale, bias_correction }): { count?: Slot; mu: Slot; nu: Slot } => ({
    ...(bias_correction ? { count: counter() } : {}),
    mu: zeros(),
    nu: full(initial_scale),
  }),
  update(g, { decay, eps, eps_in_sqrt }, { count, mu, nu }) {
    const m = ema(mu, g, decay)
    const v = ema(nu, g.square(), decay)
    // No variance is below 0. Of gradients that hardly change it is a small difference of large numbers, and in float32
    // rounding may make it so, where Optax has NaN or not as chance has it.
    const scale = (square: Expr, mean: Expr) =>
      g.mul(inverseRoot(square.sub(mean.square()).max(0), eps, eps_in_sqrt))
    if (count === undefined) return [scale(v, m), { mu: m, nu: v }]
    const t = count.add(1)
    return [scale(unbias(v, decay, t), unbias(m, decay, t)), { count: t, mu: m, nu: v }]
  },
})
