import { number, select } from '../expression/index.ts'
import { projection } from './form/projection.ts'
import { ontoL1Sphere } from './form/simplex.ts'

/** Keep the sum of absolute values of all parameters at most `scale`. Must be the last of a chain; needs the parameters. */
export const projectionL1Ball = projection({
  name: 'projection_l1_ball',
  formula: 'u = g where Σ |p + g| ≤ scale, else as projection_l1_sphere(scale)',
  reference:
    'Duchi et al., Efficient Projections onto the l1-Ball for Learning in High Dimensions, ICML 2008',
  options: { scale: number(1) },
  onto: (x, { scale }, tree) => select(tree.sum(x.abs()).le(scale), x, ontoL1Sphere(x, scale, tree)),
})
