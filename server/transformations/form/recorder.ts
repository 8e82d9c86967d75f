import {
  type Combine,
  type Contribution,
  collect,
  constant,
  type Expr,
  leaf,
  type Tensor,
} from '../../expression/index.ts'
import type { Context } from './link.ts'

/** A context that notes what one tensor gives and shows, and what to evaluate with. */
export function recorder(
  tensor: Tensor,
  parameter: Expr,
): {
  readonly context: Context
  readonly gives: ReadonlyMap<string, Contribution>
  readonly exposed: ReadonlyMap<string, Expr>
  /** The parameters where nothing else was said; of several the last, which is the outermost. */
  readonly evaluation: () => Expr
} {
  const gives = new Map<string, Contribution>()
  const given = new Map<string, number>()
  const exposed = new Map<string, Expr>()
  let evaluation = parameter
  const give = (path: string, combine: Combine, value: Expr) => {
    // The place and the order within it name a collective: the same for every tensor.
    const k = given.get(path) ?? 0
    given.set(path, k + 1)
    gives.set(`${path}#${k}`, { combine, value })
    return collect(combine, `${path}#${k}`)
  }
  const ordinal = (path: string) => {
    const { node } = give(path, 'sum', constant(1))
    if (node.op !== 'collect') throw new Error('What is given is collected')
    return leaf({ op: 'ordinal', place: node.place }, 'tensor', tensor.rank)
  }
  const at = (path: string): Context => ({
    tensor,
    parameter,
    loss: leaf({ op: 'loss' }, 'host'),
    tree: {
      sum: (x) => give(path, 'sum', x.extent === 'tensor' ? x : x.sum()),
      largest: (x) => give(path, 'max', x.extent === 'tensor' ? x : x.largest()),
      norm: (x) => give(path, 'sum', x.square().sum()).sqrt(),
      ordinal: () => ordinal(path),
    },
    expose: (name, value) => exposed.set(join(path, name), value),
    evaluate: (x) => {
      evaluation = x
    },
    at: (key) => at(join(path, key)),
  })
  return { context: at(''), gives, exposed, evaluation: () => evaluation }
}

/** A name further in: `2`, `scale_by_adam` → `2.scale_by_adam`. */
export const join = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`)
