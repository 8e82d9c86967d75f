import { number, zeros } from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { ema } from './form/moments.ts'

/** Scale by the size of past updates over that of past gradients. */
export const scaleByAdadelta = transformation({
  name: 'scale_by_adadelta',
  formula: `e_g ← rho · e_g + (1 − rho) · g²
u = √(e_x + eps) / √(e_g + eps) · g
e_x ← rho · e_x + (1 − rho) · u²`,
  reference: 'Zeiler, ADADELTA: An Adaptive Learning Rate Method, 2012, arXiv:1212.5701',
  options: { rho: number(0.9), eps: number(1e-6) },
  state: { e_g: zeros(), e_x: zeros() },
  update(g, { rho, eps }, { e_g, e_x }) {
    const gradients = ema(e_g, g.square(), rho)
    const u = e_x.add(eps).sqrt().div(gradients.add(eps).sqrt()).mul(g)
    return [u, { e_g: gradients, e_x: ema(e_x, u.square(), rho) }]
  },
})
