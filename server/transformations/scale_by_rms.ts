import { counter, flag, full, number, type Slot, startNumber } from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { ema, inverseRoot, unbias } from './form/moments.ts'

/** Divide by the root of the mean square of past gradients (RMSProp). */
export const scaleByRms = transformation({
  name: 'scale_by_rms',
  formula: `nu ← decay · nu + (1 − decay) · g²
u = g / √(nu + eps)    or, without eps_in_sqrt, g / (√nu + eps)`,
  reference: 'Tieleman and Hinton, Lecture 6.5: RMSProp, Coursera, 2012',
  options: {
    decay: number(0.9),
    eps: number(1e-8),
    initial_scale: startNumber(0),
    eps_in_sqrt: flag(true),
    bias_correction: flag(false),
  },
  state: ({ initial_scale, bias_correction }): { count?: Slot; nu: Slot } => ({
    ...(bias_correction ? { count: counter() } : {}),
    nu: full(initial_scale),
  }),
  update(g, { decay, eps, eps_in_sqrt }, { count, nu }) {
    const v = ema(nu, g.square(), decay)
    if (count === undefined) return [g.mul(inverseRoot(v, eps, eps_in_sqrt)), { nu: v }]
    const t = count.add(1)
    return [g.mul(inverseRoot(unbias(v, decay, t), eps, eps_in_sqrt)), { count: t, nu: v }]
  },
})
