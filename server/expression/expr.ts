import type { Combine, Primitive } from './primitives.ts'
import type { Routine } from './routines.ts'

/**
 * Over what a value varies, from the narrowest to the widest:
 *
 * - `host`: one number a step, known before any tensor is read (step counts, options, schedules)
 * - `tree`: one number a step, known once every tensor was read (a norm over the tree)
 * - `tensor`: one number a tensor
 * - `axes`: a tensor's shape with some axes reduced to 1 (means of rows)
 * - `element`: a tensor's shape
 */
export type Extent = 'host' | 'tree' | 'tensor' | 'axes' | 'element'
const order: readonly Extent[] = ['host', 'tree', 'tensor', 'axes', 'element']

/** What a node is. Sizes and numbers that only scale are never in it, so plans of many sessions are alike. */
export type Node =
  | { readonly op: 'constant'; readonly value: number }
  /** A number that the client may change between steps, named by its path in the chain. */
  | { readonly op: 'option'; readonly path: string }
  /** The loss, where the client sends it. */
  | { readonly op: 'loss' }
  | { readonly op: 'gradient' }
  /** Where there are none, why: then nothing may read it. */
  | { readonly op: 'parameter'; readonly absent?: string }
  /** State as it was before this step. */
  | { readonly op: 'slot'; readonly slot: string }
  /** How many elements of the tensor a reduction over these axes joins. */
  | { readonly op: 'count'; readonly axes: Axes }
  | { readonly op: Primitive }
  /** Over the given axes of one tensor; kept as axes of size 1 unless they are all. */
  | { readonly op: 'reduce'; readonly combine: Combine; readonly axes: Axes }
  /** Over the tensors that reach this place of the chain; what each gives is kept beside the graph. */
  | { readonly op: 'collect'; readonly combine: Combine; readonly place: string }
  /** How many tensors before this one reach this place of the chain. */
  | { readonly op: 'ordinal'; readonly place: string }
  /** A word of what the generator threefry2x32 makes of a key's two words and a counter; a scalar. */
  | { readonly op: 'threefry'; readonly word: 0 | 1 }
  | { readonly op: 'routine'; readonly routine: Routine }

/** A number, where an expression is wanted. */
export type Value = Expr | number

/**
 * A value of one step, recorded and not computed: a node of a graph that the compiler turns into a plan. One
 * expression describes what happens to every element; shapes never appear, `rank` alone does.
 */
export class Expr {
  readonly node: Node
  readonly args: readonly Expr[]
  readonly extent: Extent
  /** Axes that an `axes` value keeps; for an `element` value all of them. Empty for scalars. */
  readonly kept: readonly number[]
  readonly rank: number
  /** Of an array, where in the chain its tensor is made; '' for one of the session. Of scalars ''. */
  readonly at: string

  constructor(
    node: Node,
    args: readonly Expr[],
    extent: Extent,
    kept: readonly number[],
    rank: number,
    at = '',
  ) {
    this.node = node
    this.args = args
    this.extent = extent
    this.kept = kept
    this.rank = rank
    this.at = at
  }

  add(x: Value): Expr {
    return apply('add', this, x)
  }
  sub(x: Value): Expr {
    return apply('sub', this, x)
  }
  mul(x: Value): Expr {
    return apply('mul', this, x)
  }
  div(x: Value): Expr {
    return apply('div', this, x)
  }
  min(x: Value): Expr {
    return apply('min', this, x)
  }
  max(x: Value): Expr {
    return apply('max', this, x)
  }
  pow(x: Value): Expr {
    return apply('pow', this, x)
  }
  /** This to the power of a whole number ≥ 0. */
  powi(x: Value): Expr {
    return apply('powi', this, x)
  }
  lt(x: Value): Expr {
    return apply('lt', this, x)
  }
  le(x: Value): Expr {
    return apply('le', this, x)
  }
  gt(x: Value): Expr {
    return apply('lt', x, this)
  }
  ge(x: Value): Expr {
    return apply('le', x, this)
  }
  eq(x: Value): Expr {
    return apply('eq', this, x)
  }
  neg(): Expr {
    return apply('neg', this)
  }
  abs(): Expr {
    return apply('abs', this)
  }
  sign(): Expr {
    return apply('sign', this)
  }
  sqrt(): Expr {
    return apply('sqrt', this)
  }
  exp(): Expr {
    return apply('exp', this)
  }
  log(): Expr {
    return apply('log', this)
  }
  tanh(): Expr {
    return apply('tanh', this)
  }
  cos(): Expr {
    return apply('cos', this)
  }
  floor(): Expr {
    return apply('floor', this)
  }
  bf16(): Expr {
    return apply('bf16', this)
  }
  square(): Expr {
    return this.mul(this)
  }
  rsqrt(): Expr {
    return constant(1).div(this.sqrt())
  }
  /** 1 where this is neither NaN nor infinite, else 0. */
  finite(): Expr {
    return this.sub(this).eq(0)
  }

  sum(over: Axes = 'tensor'): Expr {
    return reduce('sum', this, over)
  }
  largest(over: Axes = 'tensor'): Expr {
    return reduce('max', this, over)
  }
  smallest(over: Axes = 'tensor'): Expr {
    return reduce('min', this, over)
  }
  mean(over: Axes = 'tensor'): Expr {
    const count = leaf({ op: 'count', axes: named(listed(over, this.rank), this.rank) }, 'tensor', this.rank)
    return this.sum(over).div(count)
  }
}

/** Axes of a tensor: all, all but the leading one (`rows`), or those listed. */
export type Axes = 'tensor' | 'rows' | readonly number[]

const range = (from: number, to: number) => Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i)

/** Axes as numbers, in order. */
export function listed(over: Axes, rank: number): readonly number[] {
  if (over === 'tensor') return range(0, rank)
  return over === 'rows' ? range(1, rank) : [...over].sort((a, b) => a - b)
}

/** Axes by their name where they have one: so that tensors of several ranks share a plan. */
function named(axes: readonly number[], rank: number): Axes {
  if (axes.length === rank) return 'tensor'
  return axes.length === rank - 1 && !axes.includes(0) ? 'rows' : axes
}

function reduce(combine: Combine, x: Expr, over: Axes): Expr {
  const axes = listed(over, x.rank)
  if (order.indexOf(x.extent) < order.indexOf('axes') || axes.some((axis) => !x.kept.includes(axis)))
    throw new Error(`Cannot reduce the axes ${over} of a value of extent ${x.extent}`)
  if (axes.length === 0 && x.rank > 0) return x
  const kept = x.kept.filter((axis) => !axes.includes(axis))
  const node: Node = { op: 'reduce', combine, axes: named(axes, x.rank) }
  return kept.length > 0
    ? new Expr(node, [x], 'axes', kept, x.rank, x.at)
    : new Expr(node, [x], 'tensor', kept, x.rank)
}

/** An elementwise primitive on values that are broadcast against each other. */
export function apply(op: Primitive, ...values: readonly Value[]): Expr {
  const args = values.map((v) => (typeof v === 'number' ? constant(v) : v))
  const rank = Math.max(...args.map((a) => a.rank))
  const widest = args.reduce(
    (a, b) => (order.indexOf(b.extent) > order.indexOf(a) ? b.extent : a),
    'host' as Extent,
  )
  const at = commonPlace(args)
  if (widest !== 'axes') {
    const kept = widest === 'element' ? range(0, rank) : []
    return new Expr({ op }, args, widest, kept, rank, at)
  }
  const kept = range(0, rank).filter((axis) => args.some((a) => a.kept.includes(axis)))
  return new Expr({ op }, args, kept.length === rank ? 'element' : 'axes', kept, rank, at)
}

/** Where the tensor is made that the arrays among these are of: only routines go from one to another. */
function commonPlace(args: readonly Expr[]): string {
  let found: Expr | undefined
  for (const x of args) {
    if (!isArray(x)) continue
    if (found !== undefined && found.at !== x.at)
      throw new Error(`Cannot combine arrays of two tensors, those at '${found.at}' and '${x.at}'`)
    found = x
  }
  return found?.at ?? ''
}

/** Whether a value varies within a tensor. */
export const isArray = ({ extent }: Pick<Expr, 'extent'>): boolean =>
  extent === 'axes' || extent === 'element'

export const constant = (value: number): Expr => new Expr({ op: 'constant', value }, [], 'host', [], 0)
/** `a` where the condition is not 0, else `b`. */
export const select = (condition: Expr, a: Value, b: Value): Expr => apply('select', condition, a, b)

/** A leaf of the given extent: what a step reads. */
export function leaf(node: Node, extent: Extent, rank = 0, kept?: readonly number[], at = ''): Expr {
  return new Expr(node, [], extent, kept ?? (extent === 'element' ? range(0, rank) : []), rank, at)
}

/** One number for all tensors, out of one a tensor. */
export const collect = (combine: Combine, place: string): Expr =>
  new Expr({ op: 'collect', combine, place }, [], 'tree', [], 0)

/**
 * What a routine makes: an array of this tensor. What shapes it is in the routine itself; numbers and arrays are
 * arguments, and arrays may be of other tensors.
 */
export const routine = (
  what: Routine,
  args: readonly Expr[],
  { rank, at }: { readonly rank: number; readonly at?: string },
): Expr => new Expr({ op: 'routine', routine: what }, args, 'element', range(0, rank), rank, at)
