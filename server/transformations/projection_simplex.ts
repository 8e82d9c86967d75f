import { number } from '../expression/index.ts'
import { projection } from './form/projection.ts'
import { ontoSimplex } from './form/simplex.ts'

/** Keep all parameters from being negative, and their sum at `scale`. Must be the last of a chain; needs the parameters. */
export const projectionSimplex = projection({
  name: 'projection_simplex',
  formula: 'u = max(p + g − τ, 0) − p    τ such that Σ max(p + g − τ, 0) = scale',
  reference:
    'Duchi et al., Efficient Projections onto the l1-Ball for Learning in High Dimensions, ICML 2008',
  options: { scale: number(1) },
  onto: (x, { scale }, tree) => ontoSimplex(x, scale, tree),
})
