import { number } from '../expression/index.ts'
import { projection } from './form/projection.ts'

/** Keep the norm of all parameters at most `scale`. Must be the last of a chain; needs the parameters. */
export const projectionL2Ball = projection({
  name: 'projection_l2_ball',
  formula: 'x = p + g;  u = scale / √max(‖x‖², scale²) · x − p',
  reference: 'optax.projections.projection_l2_ball',
  options: { scale: number(1) },
  onto: (x, { scale }, tree) => x.mul(scale.div(tree.sum(x.square()).max(scale.square()).sqrt())),
})
