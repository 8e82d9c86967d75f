import { Expr } from '../expression/index.ts'

/** Values that are always equal, as one object: common subexpressions are found, and bodies can be compared. */
export class Interner {
  readonly #known = new Map<string, Expr>()
  readonly #ids = new Map<Expr, number>()
  readonly #seen = new Map<Expr, Expr>()

  intern(expr: Expr): Expr {
    const seen = this.#seen.get(expr)
    if (seen !== undefined) return seen
    const args = expr.args.map((arg) => this.intern(arg))
    // Not the rank: what is elementwise treats tensors of every rank alike.
    const kept = expr.extent === 'axes' ? expr.kept : ''
    const key = `${JSON.stringify(expr.node)} ${args.map((arg) => this.id(arg))} ${expr.extent} ${kept}`
    const known = this.#known.get(key) ?? new Expr(expr.node, args, expr.extent, expr.kept, expr.rank)
    this.#known.set(key, known)
    if (!this.#ids.has(known)) this.#ids.set(known, this.#ids.size)
    this.#seen.set(expr, known)
    return known
  }

  /** A number that tells an interned value from others. */
  id(expr: Expr): number {
    return this.#ids.get(expr) ?? -1
  }
}
