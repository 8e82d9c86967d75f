import { type Expr, select } from '../../expression/index.ts'
import type { Tree } from './link.ts'

/** Into how many parts a round divides where the threshold can be, and how many rounds there are. */
const [parts, rounds] = [8, 20] as const
const cuts = Array.from({ length: parts - 1 }, (_, k) => k + 1)

/**
 * The nearest to x of what is nowhere negative and has the sum `scale`: max(x − τ, 0), where τ is the mean of what x
 * has above τ, less scale of it. Who is above is found without sorting: the sum of max(x − t, 0) falls with t, and is
 * `scale` at τ, which is less than `scale` below the largest x. Each round is one reduction at 7 places; after the
 * last one who is above is in doubt only within 2⁻⁶⁰ · scale of τ, and τ is not farther off than that.
 */
export function ontoSimplex(x: Expr, scale: Expr, tree: Tree): Expr {
  const z = x.sub(tree.largest(x))
  let [t, width] = [scale.neg(), scale]
  for (let round = 0; round < rounds; round++) {
    width = width.div(parts)
    const reach = cuts.map((k) => tree.sum(z.sub(t.add(width.mul(k))).max(0)).ge(scale))
    t = t.add(reach.reduce((a, b) => a.add(b)).mul(width))
  }
  const above = z.gt(t)
  // Of x, not of z: where the largest x is far larger than the others, z has lost their last bits.
  const tau = tree
    .sum(select(above, x, 0))
    .sub(scale)
    .div(tree.sum(above))
  return x.sub(tau).max(0)
}

/** The nearest to x of what has absolute values of the sum `scale`. */
export const ontoL1Sphere = (x: Expr, scale: Expr, tree: Tree): Expr =>
  x.sign().mul(ontoSimplex(x.abs(), scale, tree))
