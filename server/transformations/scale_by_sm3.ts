import {
  constant,
  type Expr,
  number,
  overAxes,
  type Slot,
  select,
  type Tensor,
  zeros,
} from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { ema } from './form/moments.ts'

/** Axes of a tensor, each with the others. A number, which has none, is taken as a vector of one. */
const axesOf = ({ rank }: Tensor) =>
  Array.from({ length: Math.max(rank, 1) }, (_, axis) => ({
    slot: `mu_${axis}`,
    axis,
    others: Array.from({ length: rank }, (_, i) => i).filter((i) => i !== axis),
  }))

/**
 * Second moments from one vector for each axis of a tensor (SM3-II). An element's moment is the least of those of the
 * slices that it lies in; a slice's is the largest of its elements'. Optax fails on tensors of rank 0; here they are
 * vectors of one element.
 */
export const scaleBySm3 = transformation({
  name: 'scale_by_sm3',
  formula: `v = (1 − b2) · g² + b2 · minᵢ muᵢ    with b2 = 1: g² + minᵢ muᵢ
muᵢ ← the largest v over all axes but i
nu ← b1 · nu + (1 − b1) · g / √(v + eps)    0 where v is 0
u = nu`,
  reference: 'Anil et al., Memory-Efficient Adaptive Optimization, 2019, arXiv:1901.11150',
  options: { b1: number(0.9), b2: number(1), eps: number(1e-8) },
  state: (_options, tensor): { nu: Slot; [mu: string]: Slot } => ({
    ...Object.fromEntries(
      axesOf(tensor).map(({ slot, axis }) => [slot, tensor.rank < 2 ? zeros() : overAxes([axis])]),
    ),
    nu: zeros(),
  }),
  update(g, { b1, b2, eps }, { nu, ...mu }, { tensor }) {
    const axes = axesOf(tensor)
    const least = axes.map(({ slot }) => mu[slot] as Expr).reduce((a, b) => a.min(b))
    const v = g
      .square()
      .mul(select(b2.eq(1), 1, constant(1).sub(b2)))
      .add(least.mul(b2))
    const u = g.mul(select(v.le(0), 0, v.add(eps).rsqrt()))
    const moment = ema(nu, u, b1)
    const after = axes.map(({ slot, others }) => [slot, v.largest(others)] as const)
    return [moment, { ...Object.fromEntries(after), nu: moment }]
  },
})
