import { apply, constant, Expr, isArray, leaf, type Routine } from '../expression/index.ts'

/** Values that are always equal, as one object: common subexpressions are found, and bodies can be compared. */
export class Interner {
  readonly #known = new Map<string, Expr>()
  readonly #ids = new Map<Expr, number>()
  readonly #seen = new Map<Expr, Expr>()
  readonly #results = new Map<string, Expr>()
  /** By what a routine makes, as what reads it sees it: an array like a slot, there for one step. */
  readonly routines = new Map<Expr, { readonly routine: Routine; readonly args: readonly Expr[] }>()

  intern(expr: Expr): Expr {
    const seen = this.#seen.get(expr)
    if (seen !== undefined) return seen
    const quotient = byReciprocal(expr)
    if (quotient !== undefined) {
      const known = this.intern(quotient)
      this.#seen.set(expr, known)
      return known
    }
    const args = expr.args.map((arg) => this.intern(arg))
    if (expr.node.op === 'routine') {
      const made = this.#made(expr.node.routine, args, expr)
      this.#seen.set(expr, made)
      return made
    }
    // Not the rank: what is elementwise treats tensors of every rank alike. Of values over axes it only matters
    // whether they vary along the last one, which is how they lie beside elements in memory.
    const kept = expr.extent === 'axes' ? `${expr.kept} ${expr.kept.includes(expr.rank - 1)}` : ''
    const { node, extent, at } = expr
    const key = `${JSON.stringify(node)} ${args.map((arg) => this.id(arg))} ${extent} ${kept} ${at}`
    const known = this.#known.get(key) ?? new Expr(node, args, extent, expr.kept, expr.rank, at)
    this.#known.set(key, known)
    if (!this.#ids.has(known)) this.#ids.set(known, this.#ids.size)
    this.#seen.set(expr, known)
    return known
  }

  #made(routine: Routine, args: readonly Expr[], { rank, at }: Expr): Expr {
    const key = `${JSON.stringify(routine)} ${args.map((arg) => this.id(arg))} ${at}`
    const known = this.#results.get(key)
    if (known !== undefined) return known
    const made = this.intern(
      leaf({ op: 'slot', slot: `${routine.name} ${this.routines.size}` }, 'element', rank, undefined, at),
    )
    this.#results.set(key, made)
    this.routines.set(made, { routine, args })
    return made
  }

  /** A number that tells an interned value from others. */
  id(expr: Expr): number {
    return this.#ids.get(expr) ?? -1
  }
}

/**
 * An array divided by a scalar, as the product with its reciprocal: one division a step in place of one an element,
 * which would cost more than reading it. At most one unit in the last place is lost.
 */
function byReciprocal({ node, args, extent }: Expr): Expr | undefined {
  const [a, b] = args
  if (node.op !== 'div' || a === undefined || b === undefined) return undefined
  return isArray({ extent }) && !isArray(b) ? apply('mul', a, apply('div', constant(1), b)) : undefined
}
