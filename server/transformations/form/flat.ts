import {
  apply,
  constant,
  Expr,
  leaf,
  type Primitive,
  Refusal,
  type Slot,
  type Tensor,
} from '../../expression/index.ts'
import type { Apart, Context, Link, SlotTree, StateTree } from './link.ts'
import { isApart, isSlot } from './states.ts'

/**
 * A link as if all tensors were one vector. It is recorded for a vector, on stand-ins for what the tensor has; then
 * each reduction in what was recorded becomes one over the tree, and each number a tensor one a session.
 */
export const flat = (link: Link): Link => ({
  slots: (tensor) => widened(link.slots(vector(tensor))),
  update(g, state, context) {
    const tensor = vector(context.tensor)
    const scene = new Scene(context)
    const before = scene.state(link.slots(tensor), state)
    const [u, after] = link.update(scene.standIn(g, 'element'), before, scene.within(tensor))
    return [scene.rewrite(u), scene.rewriteState(after)]
  },
})

/** The vector that a tensor is a part of, as far as a transformation can tell. */
const vector = ({ shape }: Tensor): Tensor => ({
  shape: [shape.reduce((n, d) => n * d, 1)],
  rank: 1,
  get name(): string {
    throw new Refusal(
      'Within flatten tensors have no names: put the mask outside, as masked(flatten(…), mask)',
    )
  },
})

/** What is kept once for the vector is kept once for the session. */
const widened = (slots: SlotTree): SlotTree =>
  mapped(slots, isOne, (x) => {
    if (isApart(x)) throw notMade()
    const { kept, ...slot } = x
    return { ...slot, extent: extentOf(x) }
  })

const isOne = (x: Slot | Apart | SlotTree): x is Slot | Apart => isSlot(x) || isApart(x)

/** Why no tensor of another shape can be made of the vector: it is no matrix. */
const notMade = () => new Error('Of all tensors as one vector no others are made')

const extentOf = ({
  extent,
  kept = [],
}: Pick<Slot, 'extent'> & { readonly kept?: readonly number[] | undefined }) => {
  if (extent === 'session' || extent === 'element') return extent
  return kept.length === 0 ? 'session' : 'element'
}

const isExpr = (x: Expr | StateTree): x is Expr => x instanceof Expr

/** One tensor at one step, with stand-ins for what belongs to it. */
class Scene {
  readonly #context: Context
  readonly #known = new Map<Expr, Expr>()
  readonly #parameter: Expr

  constructor(context: Context) {
    this.#context = context
    this.#parameter = this.standIn(context.parameter, 'element')
  }

  standIn(real: Expr, extent: 'tensor' | 'element'): Expr {
    const stand = leaf({ op: 'slot', slot: '' }, extent, 1)
    this.#known.set(stand, real)
    return stand
  }

  state(slots: SlotTree, state: StateTree): StateTree {
    const entries = Object.entries(slots).map(([name, x]) => {
      const real = state[name]
      if (real === undefined || isExpr(real) !== isSlot(x)) throw new Error(`There is no state ${name}`)
      if (isApart(x)) throw notMade()
      if (!isSlot(x)) return [name, this.state(x, real as StateTree)]
      if (x.extent === 'session') return [name, real]
      return [name, this.standIn(real as Expr, extentOf(x) === 'element' ? 'element' : 'tensor')]
    })
    return Object.fromEntries(entries) as StateTree
  }

  within(tensor: Tensor, context = this.#context): Context {
    const { loss, expose, evaluate, at } = context
    return {
      tensor,
      parameter: this.#parameter,
      loss,
      tree: {
        sum: (x) => (x.extent === 'tensor' ? x : x.sum()),
        largest: (x) => (x.extent === 'tensor' ? x : x.largest()),
        norm: (x) => x.square().sum().sqrt(),
        ordinal: () => constant(0),
      },
      expose: (name, value) => expose(name, this.rewrite(value)),
      evaluate: (x) => evaluate(this.rewrite(x)),
      at: (key) => this.within(tensor, at(key)),
      make: () => {
        throw notMade()
      },
    }
  }

  rewriteState(state: StateTree): StateTree {
    return mapped(state, isExpr, (x) => this.rewrite(x))
  }

  rewrite(x: Expr): Expr {
    const known = this.#known.get(x)
    if (known !== undefined) return known
    const made = this.#make(x)
    this.#known.set(x, made)
    return made
  }

  #make(x: Expr): Expr {
    const { tree, tensor } = this.#context
    const { node } = x
    const args = x.args.map((arg) => this.rewrite(arg))
    if (node.op === 'count') return tree.sum(leaf({ op: 'count', axes: 'tensor' }, 'tensor', tensor.rank))
    if (args.length === 0) return x
    if (node.op === 'routine')
      throw new Refusal(`Within flatten there can be no ${node.routine.name}: it needs each tensor as it is`)
    if (node.op === 'threefry') return new Expr(node, args, x.extent, x.kept, x.rank)
    const [of] = args
    if (node.op !== 'reduce' || of === undefined) return apply(node.op as Primitive, ...args)
    if (node.combine === 'sum') return tree.sum(of)
    return node.combine === 'max' ? tree.largest(of) : tree.largest(of.neg()).neg()
  }
}

/** A tree with another value at each leaf. */
function mapped<T extends object, L extends T[keyof T] & object>(
  tree: T,
  isLeaf: (x: L | T) => x is L,
  change: (leaf: L) => L,
): T {
  const entries = Object.entries<L | T>(tree as Record<string, L | T>).map(([name, x]) => [
    name,
    isLeaf(x) ? change(x) : mapped(x, isLeaf, change),
  ])
  return Object.fromEntries(entries) as T
}
