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
import { join, madeOf } from './slots.ts'

/** What one tensor gives to collectives, and shows. */
export interface Notes {
  readonly gives: Map<string, Contribution>
  readonly exposed: Map<string, Expr>
}

/** A context that notes what one tensor gives and shows, and what to evaluate with. */
export function recorder(
  tensor: Tensor,
  parameter: Expr,
): {
  readonly context: Context
  /** Of the tensor, or of one that is made of it at this place. */
  readonly notes: (at: string) => Notes
  /** The parameters where nothing else was said; of several the last, which is the outermost. */
  readonly evaluation: () => Expr
} {
  const all = new Map<string, Notes>()
  const given = new Map<string, number>()
  let evaluation = parameter
  const notes = (at: string): Notes => {
    const own = all.get(at) ?? { gives: new Map(), exposed: new Map() }
    all.set(at, own)
    return own
  }
  const give = ({ at = '' }: Tensor, path: string, combine: Combine, value: Expr) => {
    // The place and the order within it name a collective: the same for every tensor.
    const k = given.get(path) ?? 0
    given.set(path, k + 1)
    notes(at).gives.set(`${path}#${k}`, { combine, value })
    return collect(combine, `${path}#${k}`)
  }
  const ordinal = (of: Tensor, path: string) => {
    const { node } = give(of, path, 'sum', constant(1))
    if (node.op !== 'collect') throw new Error('What is given is collected')
    return leaf({ op: 'ordinal', place: node.place }, 'tensor', of.rank)
  }
  const contextOf = (of: Tensor, parameter: Expr, path: string): Context => ({
    tensor: of,
    parameter,
    loss: leaf({ op: 'loss' }, 'host'),
    tree: {
      sum: (x) => give(of, path, 'sum', x.extent === 'tensor' ? x : x.sum()),
      largest: (x) => give(of, path, 'max', x.extent === 'tensor' ? x : x.largest()),
      norm: (x) => give(of, path, 'sum', x.square().sum()).sqrt(),
      ordinal: () => ordinal(of, path),
    },
    expose: (name, value) => notes(of.at ?? '').exposed.set(join(path, name), value),
    evaluate: (x) => {
      evaluation = x
    },
    at: (key) => contextOf(of, parameter, join(path, key)),
    make: (key, shape) => {
      const made = madeOf(of, shape, join(path, key))
      return contextOf(
        made,
        absent(made, `What is made of ${tensor.name} has no parameters`),
        join(path, key),
      )
    },
  })
  return { context: contextOf(tensor, parameter, ''), notes, evaluation: () => evaluation }
}

/** Parameters where there are none: what reads them is refused. */
export const absent = ({ rank, at }: Tensor, why: string): Expr =>
  leaf({ op: 'parameter', absent: why }, 'element', rank, undefined, at)
