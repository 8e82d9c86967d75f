import { type Body, type Expr, listed, type Primitive } from '../expression/index.ts'
import { float64 } from './float64.ts'

/**
 * What comes of a tensor of which only some rows are sent, when only these are treated. `exact`: what a dense gradient
 * with zeros in all other rows would give. `lazy`: for the other rows such a gradient would do more, namely `changes`.
 * `none`: it has no meaning, because of `reason`.
 */
export type RowTreatment =
  | { readonly kind: 'exact' }
  | { readonly kind: 'lazy'; readonly changes: readonly string[] }
  | { readonly kind: 'none'; readonly reason: string }

/**
 * Found by following the recorded expressions for a row whose gradient is 0: what is 0 for it, what stays as it is.
 *
 * @param options what options are at the start
 */
export function rowTreatment(body: Body, options: ReadonlyMap<string, number>): RowTreatment {
  const row = new ZeroRow(options)
  const changes: string[] = []
  for (const [slot, next] of body.next) {
    const kept = body.slots.get(slot)
    const ofRows = kept?.extent === 'element' || (kept?.extent === 'axes' && kept.kept?.includes(0))
    const after = row.value(next)
    const same = typeof after === 'object' && after.node.op === 'slot' && after.node.slot === slot
    if (ofRows && !same) changes.push(slot)
  }
  if (row.value(body.update) !== 0) changes.push('update')
  for (const { value } of body.gives.values()) row.value(value)
  if (row.whole !== undefined) return { kind: 'none', reason: row.whole }
  if (row.left) changes.push('norms')
  return changes.length === 0 ? { kind: 'exact' } : { kind: 'lazy', changes }
}

/** A number, a value as it was recorded, or `unknown`: something else. */
type Found = number | Expr | 'unknown'

class ZeroRow {
  readonly #options: ReadonlyMap<string, number>
  readonly #known = new Map<Expr, Found>()
  /** Why rows cannot be treated apart. */
  whole: string | undefined
  /** Whether a sum over rows leaves out what is not 0. */
  left = false

  constructor(options: ReadonlyMap<string, number>) {
    this.#options = options
  }

  value(x: Expr): Found {
    const known = this.#known.get(x)
    if (known !== undefined) return known
    const found = this.#find(x)
    this.#known.set(x, found)
    return found
  }

  #find(x: Expr): Found {
    const { node } = x
    const args = x.args.map((arg) => this.value(arg))
    switch (node.op) {
      case 'constant':
        return node.value
      case 'option':
        return this.#options.get(node.path) ?? x
      case 'gradient':
        return 0
      case 'routine':
        this.whole ??= `${node.routine.name} is computed from the tensor as a whole`
        return 'unknown'
      case 'reduce': {
        const [of = 'unknown'] = args
        if (!listed(node.axes, x.rank).includes(0)) return of === 0 || node.combine !== 'sum' ? of : 'unknown'
        if (node.combine !== 'sum') this.whole ??= `it takes the ${node.combine} over rows`
        else if (of !== 0) this.left = true
        return x
      }
      case 'slot':
      case 'parameter':
      case 'loss':
      case 'count':
      case 'collect':
      case 'ordinal':
      case 'threefry':
        return x
      default:
        return this.#apply(node.op, x, args)
    }
  }

  #apply(op: Primitive, x: Expr, args: readonly Found[]): Found {
    if (args.every((arg, i) => arg === x.args[i])) return x
    const [a = 'unknown', b = 'unknown', c = 'unknown'] = args
    if (op === 'select' && typeof a === 'number') return a === 0 ? c : b
    if (op === 'select' && b === c) return b
    if (args.every((arg) => typeof arg === 'number')) {
      const [p = 0, q = 0, r = 0] = args
      return float64[op](p, q, r)
    }
    if (op === 'add' && a === 0) return b
    if ((op === 'add' || op === 'sub') && b === 0) return a
    // What divides or multiplies the 0 of a silent row is a number that other rows gave, and neither 0 nor infinite.
    if ((op === 'mul' || op === 'div') && a === 0) return 0
    if (op === 'mul' && b === 0) return 0
    if (op === 'mul' && a === 1) return b
    return (op === 'mul' || op === 'div') && b === 1 ? a : 'unknown'
  }
}
