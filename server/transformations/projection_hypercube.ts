import { number } from '../expression/index.ts'
import { projection } from './form/projection.ts'

/** Keep each parameter between 0 and `scale`. Must be the last of a chain; needs the parameters. */
export const projectionHypercube = projection({
  name: 'projection_hypercube',
  formula: 'u = min(max(p + g, 0), scale) − p',
  reference: 'optax.projections.projection_hypercube',
  options: { scale: number(1) },
  onto: (x, { scale }) => x.max(0).min(scale),
})
