import { number } from '../expression/index.ts'
import { projection } from './form/projection.ts'

/** Keep the norm of all parameters at `scale`. Must be the last of a chain; needs the parameters. */
export const projectionL2Sphere = projection({
  name: 'projection_l2_sphere',
  formula: 'x = p + g;  u = scale / ‖x‖ · x − p',
  reference: 'optax.projections.projection_l2_sphere',
  options: { scale: number(1) },
  onto: (x, { scale }, tree) => x.mul(scale.div(tree.norm(x))),
})
