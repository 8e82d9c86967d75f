import type { Expr } from '../expression/index.ts'
import type { Alike } from './group.ts'
import type { Interner } from './intern.ts'

/**
 * Vectors: values over some axes that the host computes in float64, as it does scalars. These are slots over axes, what
 * reductions over other axes than rows give, what is reduced again, and what these need or lead to. A pass keeps for
 * itself what it makes out of reductions of rows, for it has each row at hand, and what varies over more axes than any
 * vector that it is made of, for that may be as much as the tensor.
 */
export function vectorsOf(
  bodies: readonly Alike['body'][],
  routines: Interner['routines'],
): ReadonlySet<Expr> {
  const ordered = new Set<Expr>()
  const visit = (x: Expr) => {
    if (ordered.has(x)) return
    // Also what a routine reads, of whose result there is but a name.
    for (const arg of [...x.args, ...(routines.get(x)?.args ?? [])]) visit(arg)
    ordered.add(x)
  }
  const vectors = new Set<Expr>()
  const need = (x: Expr) => {
    if (x.extent !== 'axes' || vectors.has(x)) return
    vectors.add(x)
    x.args.forEach(need)
  }
  for (const { update, next, exposed, gives, slots } of bodies) {
    const given = [...gives.values()].map(({ value }) => value)
    for (const value of [...next.values(), ...exposed.values(), ...given]) visit(value)
    if (update !== undefined) visit(update)
    for (const [slot, value] of next) if (slots.get(slot)?.extent === 'axes') need(value)
  }
  for (const x of ordered) {
    if (x.node.op === 'reduce') x.args.forEach(need)
    if (x.node.op === 'slot' || (x.node.op === 'reduce' && x.node.axes !== 'rows')) need(x)
  }
  for (const x of ordered) {
    const over = x.args.filter(({ extent }) => extent === 'axes')
    const asWide = over.some(({ kept }) => kept.length === x.kept.length)
    if (x.node.op !== 'reduce' && asWide && over.every((arg) => vectors.has(arg))) need(x)
  }
  return vectors
}
