import { counter, flag, full, number, type Slot, startNumber, zeros } from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { ema, inverseRoot, unbias } from './form/moments.ts'

/** Divide by the standard deviation of past gradients (centred RMSProp). */
export const scaleByStddev = transformation({
  name: 'scale_by_stddev',
  formula: `mu ← decay · mu + (1 − decay) · g
nu ← decay · nu + (1 − decay) · g²
u = g / √(nu − mu² + eps)    or, without eps_in_sqrt, g / (√(nu − mu²) + eps)`,
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
    if (count === undefined)
      return [g.mul(inverseRoot(v.sub(m.square()), eps, eps_in_sqrt)), { mu: m, nu: v }]
    const t = count.add(1)
    const variance = unbias(v, decay, t).sub(unbias(m, decay, t).square())
    return [g.mul(inverseRoot(variance, eps, eps_in_sqrt)), { count: t, mu: m, nu: v }]
  },
})
