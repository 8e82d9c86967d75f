import {
  constant,
  counter,
  type Expr,
  flag,
  integer,
  number,
  overAxes,
  type Slot,
  type Tensor,
  zeros,
} from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { ema } from './form/moments.ts'

interface Factored {
  readonly factored: boolean
  readonly min_dim_size_to_factor: number
}

/** The two longest axes, the longest last, of equals the later; none where a tensor is not to be factored. */
function longest({ shape }: Tensor, { factored, min_dim_size_to_factor }: Factored) {
  const sorted = shape.map((size, axis) => ({ size, axis })).sort((a, b) => a.size - b.size)
  const [second, first] = sorted.slice(-2)
  if (!factored || second === undefined || first === undefined || second.size < min_dim_size_to_factor)
    return undefined
  return { d1: second.axis, d0: first.axis }
}

const without = (axis: number, { rank }: Tensor) =>
  Array.from({ length: rank }, (_, i) => i).filter((i) => i !== axis)

/**
 * Divide by the root of the mean square of past gradients, as the product of one mean over rows and one over columns
 * (Adafactor). Tensors without two axes of that size keep a mean an element. The decay grows with the steps.
 */
export const scaleByFactoredRms = transformation({
  name: 'scale_by_factored_rms',
  formula: `β = 1 − (count − step_offset + 1)^−decay_rate
x = g² + epsilon
v_row ← β · v_row + (1 − β) · mean(x)    over the longest axis
v_col ← β · v_col + (1 − β) · mean(x)    over the second longest axis
u = g / √(v_row · v_col / mean(v_row))    the mean over the second longest axis
not factored: v ← β · v + (1 − β) · x;  u = g / √v`,
  reference:
    'Shazeer and Stern, Adafactor: Adaptive Learning Rates with Sublinear Memory Cost, 2018, arXiv:1804.04235',
  options: {
    factored: flag(true),
    decay_rate: number(0.8),
    step_offset: number(0),
    min_dim_size_to_factor: integer(128, { min: 0 }),
    epsilon: number(1e-30),
  },
  state: (options, tensor): { count: Slot; v?: Slot; v_row?: Slot; v_col?: Slot } => {
    const axes = longest(tensor, options)
    if (axes === undefined) return { count: counter(), v: zeros() }
    const [row, col] = [without(axes.d0, tensor), without(axes.d1, tensor)]
    return { count: counter(), v_row: overAxes(row), v_col: overAxes(col) }
  },
  update(g, { decay_rate, step_offset, epsilon, ...how }, { count, v, v_row, v_col }, { tensor }) {
    const step = (count as Expr).add(1)
    const beta = constant(1).sub(step.sub(step_offset).pow(decay_rate.neg()))
    const x = g.square().add(epsilon)
    const axes = longest(tensor, how)
    if (axes === undefined || v_row === undefined || v_col === undefined) {
      const mean = ema(v as Expr, x, beta)
      return [g.mul(mean.rsqrt()), { count: step, v: mean }]
    }
    const row = ema(v_row, x.mean([axes.d0]), beta)
    const col = ema(v_col, x.mean([axes.d1]), beta)
    const u = g.mul(row.div(row.mean([axes.d1])).rsqrt()).mul(col.rsqrt())
    return [u, { count: step, v_row: row, v_col: col }]
  },
})
