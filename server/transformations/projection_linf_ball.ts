import { number } from '../expression/index.ts'
import { projection } from './form/projection.ts'

/** Keep the absolute value of each parameter at most `scale`. Must be the last of a chain; needs the parameters. */
export const projectionLinfBall = projection({
  name: 'projection_linf_ball',
  formula: 'u = min(max(p + g, −scale), scale) − p',
  reference: 'optax.projections.projection_linf_ball',
  options: { scale: number(1) },
  onto: (x, { scale }) => x.max(scale.neg()).min(scale),
})
