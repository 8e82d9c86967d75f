import { type Bound, type Expr, type Options, select } from '../../expression/index.ts'
import { transformation, type Words } from './define.ts'
import type { Tree } from './link.ts'

interface Rule<O extends Options> extends Words<O> {
  /** The point of the set that is nearest to x. */
  readonly onto: (x: Expr, options: Bound<O>, tree: Tree) => Expr
}

/**
 * A projection of the parameters, as the last transformation of a chain: the update that ends where the parameters and
 * the one so far, projected, are. An element that stays where it would be has the update so far, to the last bit.
 */
export const projection = <const O extends Options>({ onto, ...words }: Rule<O>) =>
  transformation<O, Record<never, never>>({
    ...words,
    update(g, options, _state, { parameter: p, tree }) {
      const x = p.add(g)
      const y = onto(x, options, tree)
      return select(y.eq(x), g, y.sub(p))
    },
  })
