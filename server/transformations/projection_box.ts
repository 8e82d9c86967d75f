import { number } from '../expression/index.ts'
import { projection } from './form/projection.ts'

/** Keep each parameter between two bounds. Must be the last of a chain; needs the parameters. */
export const projectionBox = projection({
  name: 'projection_box',
  formula: 'u = min(max(p + g, lower), upper) − p',
  reference: 'optax.projections.projection_box',
  options: { lower: number(), upper: number() },
  onto: (x, { lower, upper }) => x.max(lower).min(upper),
})
