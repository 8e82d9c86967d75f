import { projection } from './form/projection.ts'

/** Keep the parameters from being negative. Must be the last of a chain; needs the parameters. */
export const projectionNonNegative = projection({
  name: 'projection_non_negative',
  formula: 'u = max(p + g, 0) − p',
  reference: 'optax.projections.projection_non_negative',
  onto: (x) => x.max(0),
})
