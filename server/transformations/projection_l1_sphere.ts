import { number } from '../expression/index.ts'
import { projection } from './form/projection.ts'
import { ontoL1Sphere } from './form/simplex.ts'

/** Keep the sum of absolute values of all parameters at `scale`. Must be the last of a chain; needs the parameters. */
export const projectionL1Sphere = projection({
  name: 'projection_l1_sphere',
  formula: 'x = p + g;  u = sign(x) · max(|x| − τ, 0) − p    τ such that Σ max(|x| − τ, 0) = scale',
  reference:
    'Duchi et al., Efficient Projections onto the l1-Ball for Learning in High Dimensions, ICML 2008',
  options: { scale: number(1) },
  onto: (x, { scale }, tree) => ontoL1Sphere(x, scale, tree),
})
