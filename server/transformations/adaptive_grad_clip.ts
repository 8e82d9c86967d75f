import {
  axes,
  axesIn,
  type Expr,
  number,
  optional,
  Refusal,
  select,
  type Tensor,
} from '../expression/index.ts'
import { transformation } from './form/define.ts'

/** Axes along which the elements of a unit lie: those of a dense layer's output, a convolution's filter. */
function alongUnits(tensor: Tensor): readonly number[] {
  // Who looks at the name is recorded apart, and cannot stand within flatten.
  const { shape, rank } = tensor
  if (shape.filter((size) => size !== 1).length <= 1) return shape.map((_, axis) => axis)
  if (rank <= 3) return [0]
  if (rank <= 5) return shape.map((_, axis) => axis).slice(0, -1)
  throw new Refusal(
    `adaptive_grad_clip does not know what a unit is in the tensor ${tensor.name} of rank ${rank}, expected at most 5: give axis`,
  )
}

/** Scale gradients, unit by unit, so that their norm is at most `clipping` times that of the parameters. */
export const adaptiveGradClip = transformation({
  name: 'adaptive_grad_clip',
  formula: `limit = clipping · max(‖p‖, eps)    norms over the axes of a unit
u = g where ‖g‖ < limit, else g · limit / max(‖g‖, 1e-6)
axis None: all of a vector; axis 0 of ranks 2 and 3; all but the last axis of ranks 4 and 5`,
  reference:
    'Brock et al., High-Performance Large-Scale Image Recognition Without Normalization, 2021, arXiv:2102.06171',
  options: { clipping: number(), eps: number(1e-3), axis: optional(axes()) },
  update(g, { clipping, eps, axis }, _state, { tensor, parameter }) {
    const over = axis === null ? alongUnits(tensor) : axesIn(axis, tensor)
    const norm = (x: Expr) => x.square().sum(over).sqrt()
    const [size, limit] = [norm(g), norm(parameter).max(eps).mul(clipping)]
    return g.mul(select(size.lt(limit), 1, limit.div(size.max(1e-6))))
  },
})
