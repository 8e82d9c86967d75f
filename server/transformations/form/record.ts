import { type Body, Expr, leaf, type Slot, type Tensor, type Trace } from '../../expression/index.ts'
import { Recordings } from './alike.ts'
import type { Link, SlotTree, StateTree } from './link.ts'
import { join, recorder } from './recorder.ts'
import { isSlot } from './states.ts'

export interface Asked {
  /** Keep the parameters here, as the slot `params`, and add the update to them. */
  readonly keep: boolean
  /** Measure norms and count what is not finite. */
  readonly stats: boolean
  /** In place of a step: what to evaluate with, as its update, and state that stays as it is. */
  readonly evaluation?: boolean
}

/** The slot of parameters that the server keeps. */
export const kept = 'params'

/** Record what a link does to each tensor of a session. */
export function trace(
  link: Link,
  tensors: readonly Tensor[],
  options: ReadonlyMap<string, number>,
  asked: Asked,
): Trace {
  const recordings = new Recordings()
  const bodies = tensors.map((tensor) => recordings.of(tensor, (watched) => body(link, watched, asked)))
  return { tensors, options, bodies }
}

function body(link: Link, tensor: Tensor, asked: Asked): Body {
  const parameter = leaf(
    asked.keep ? { op: 'slot', slot: kept } : { op: 'parameter' },
    'element',
    tensor.rank,
  )
  const { context, gives, exposed, evaluation } = recorder(tensor, parameter)
  const g = leaf({ op: 'gradient' }, 'element', tensor.rank)
  const tree = settled(link.slots(tensor), tensor.rank)
  const slots = flat<Slot>(tree, isSlot)
  const [u, after] = link.update(g, read(tree, tensor.rank), context)
  const next = flat<Expr>(after, isExpr)
  for (const name of slots.keys())
    if (!next.has(name)) throw new Error(`A transformation keeps ${name} and does not say what it becomes`)
  if (asked.keep) {
    slots.set(kept, { extent: 'element', init: 'parameters', type: 'native' })
    next.set(kept, parameter.add(u))
  }
  if (asked.evaluation === true) {
    const stays = flat<Expr>(read(tree, tensor.rank), isExpr)
    const hosted = [...stays].filter(([name]) => slots.get(name)?.extent !== 'element')
    return { update: evaluation(), next: new Map(hosted), gives, slots, exposed: new Map() }
  }
  if (asked.stats) {
    const { tree: all, expose } = context.at('')
    expose('grad_norm', all.norm(g))
    expose('update_norm', all.norm(u))
    expose('nonfinite', all.sum(g.finite().neg().add(1)))
    if (asked.keep) expose('param_norm', all.norm(parameter.add(u)))
  }
  return { update: u, next, gives, slots, exposed }
}

const isExpr = (x: object): x is Expr => x instanceof Expr

/** A tree of state as one table: `{ '2': { scale_by_adam: { mu } } }` → `2.scale_by_adam.mu`. */
function flat<T extends object>(tree: object, isLeaf: (x: object) => x is T): Map<string, T> {
  const table = new Map<string, T>()
  const walk = (node: object, path: string) => {
    for (const [name, value] of Object.entries(node)) {
      if (isLeaf(value)) table.set(join(path, name), value)
      else walk(value, join(path, name))
    }
  }
  walk(tree, '')
  return table
}

/** A slot that keeps all axes of the tensor is one of elements, and one that keeps none is one of the tensor. */
function settled(tree: SlotTree, rank: number): SlotTree {
  const entries = Object.entries(tree).map(([name, x]) => {
    if (!isSlot(x)) return [name, settled(x, rank)]
    if (x.extent !== 'axes') return [name, x]
    const { kept = [], ...slot } = x
    if (kept.length === rank) return [name, { ...slot, extent: 'element' }]
    return [name, kept.length === 0 ? { ...slot, extent: 'tensor' } : x]
  })
  return Object.fromEntries(entries) as SlotTree
}

/** The tree of slots as expressions that read them. */
function read(tree: SlotTree, rank: number, path = ''): StateTree {
  const entries = Object.entries(tree).map(([name, x]) => {
    const slot = join(path, name)
    if (!isSlot(x)) return [name, read(x, rank, slot)]
    // One number for the session is of no rank: within flatten it meets the vector, whose rank is not the tensor's.
    return [
      name,
      x.extent === 'session'
        ? leaf({ op: 'slot', slot }, 'host')
        : leaf({ op: 'slot', slot }, x.extent, rank, x.kept),
    ]
  })
  return Object.fromEntries(entries) as StateTree
}
