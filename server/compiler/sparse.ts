import { type Body, type Expr, listed, type Primitive } from '../expression/index.ts'
import { float64 } from './float64.ts'

/**
 * What comes of a tensor of which only some rows are sent, when only these are treated. `exact`: what a dense gradient
 * with zeros in all other rows would give. `lazy`: for the other rows such a gradient would do more, namely change
 * these slots, or the `update`; `norms`: sums over all rows would count what they hold. `none`: it has no meaning.
 */
export type RowTreatment =
  | { readonly kind: 'exact' }
  | { readonly kind: 'lazy'; readonly changes: readonly string[] }
  | { readonly kind: 'none'; readonly reason: string }

/**
 * Found by following the recorded expressions for a silent row, one whose gradient is 0: what is 0 for it, and what
 * stays as it is.
 *
 * @param options what options are at the start
 */
export function rowTreatment(body: Body, options: ReadonlyMap<string, number>): RowTreatment {
  const row = new SilentRow(options)
  const changes = [...body.next]
    .filter(([slot]) => isOfRows(body, slot))
    .filter(([slot, next]) => !isSlot(row.value(next), slot))
    .map(([slot]) => slot)
  if (row.value(body.update) !== 0) changes.push('update')
  for (const { value } of body.gives.values()) row.value(value)
  for (const made of body.made.values()) for (const next of made.body.next.values()) row.value(next)
  for (const [slot, next] of body.next) if (!isOfRows(body, slot)) row.value(next)
  const reason = row.whole ?? missed(body, row)
  if (reason !== undefined) return { kind: 'none', reason }
  if (row.left) changes.push('norms')
  return changes.length === 0 ? { kind: 'exact' } : { kind: 'lazy', changes }
}

function isOfRows({ slots }: Body, slot: string): boolean {
  const { extent, kept = [] } = slots.get(slot) ?? {}
  return extent === 'element' || (extent === 'axes' && kept.includes(0))
}

const isSlot = (found: Found, slot: string) =>
  typeof found === 'object' && found.node.op === 'slot' && found.node.slot === slot

/**
 * Why rows cannot be left out of a step: state that is made of the parameters in it, and not of itself. This is how
 * state starts as the parameters at the first step.
 */
function missed(body: Body, row: SilentRow): string | undefined {
  for (const [slot, next] of body.next)
    if (isOfRows(body, slot) && new Origins(body, slot, row).of(next) === 'parameters')
      return `${slot} becomes the parameters as they are in some step, and rows that are not sent then would miss it`
  return undefined
}

/** What a value may be made of, by the branches that a step may take. */
class Origins {
  readonly #body: Body
  readonly #slot: string
  readonly #row: SilentRow
  readonly #known = new Map<Expr, Origin>()

  constructor(body: Body, slot: string, row: SilentRow) {
    this.#body = body
    this.#slot = slot
    this.#row = row
  }

  /** `parameters`: of these and not of the slot; `others`: of neither, at best; `slot`: always of the slot too. */
  of(x: Expr): Origin {
    const known = this.#known.get(x) ?? this.#find(x)
    this.#known.set(x, known)
    return known
  }

  #find(x: Expr): Origin {
    const { node, args } = x
    if (typeof this.#row.value(x) === 'number') return 'others'
    if (node.op === 'parameter') return 'parameters'
    if (node.op === 'slot') {
      if (node.slot === this.#slot) return 'slot'
      return this.#body.slots.get(node.slot)?.init === 'parameters' ? 'parameters' : 'others'
    }
    if (node.op === 'select') return this.#branches(args).reduce(freest, 'slot')
    const found = args.map((arg) => this.of(arg))
    if (found.includes('slot')) return 'slot'
    return found.includes('parameters') ? 'parameters' : 'others'
  }

  #branches([condition, ...branches]: readonly Expr[]): readonly Origin[] {
    const decided = condition === undefined ? 'unknown' : this.#row.value(condition)
    return branches
      .filter((_, i) => typeof decided !== 'number' || (decided === 0) === (i === 1))
      .map((branch) => this.of(branch))
  }
}

const origins = ['slot', 'others', 'parameters'] as const
type Origin = (typeof origins)[number]
const freest = (a: Origin, b: Origin): Origin => (origins.indexOf(a) > origins.indexOf(b) ? a : b)

/** A number, a value as it was recorded, or `unknown`: something else. */
type Found = number | Expr | 'unknown'

class SilentRow {
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
      case 'reduce':
        return this.#reduced(x, args[0] ?? 'unknown')
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

  #reduced(x: Expr, of: Found): Found {
    const { node } = x
    if (node.op !== 'reduce') return 'unknown'
    if (listed(node.axes, x.rank).includes(0)) {
      if (node.combine !== 'sum') this.whole ??= `it takes the ${node.combine} over rows`
      else if (of !== 0) this.left = true
      return x
    }
    if (of === x.args[0]) return x
    return of === 0 || (typeof of === 'number' && node.combine !== 'sum') ? of : 'unknown'
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
