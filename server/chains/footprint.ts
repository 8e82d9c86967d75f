import type { Body, Expr, Slot, Trace, Treatment } from '../expression/index.ts'

/** What a recorded chain asks of a session. */
export interface Footprint {
  /** What a step must come with, unless the server keeps the parameters. */
  readonly needs: { readonly params: boolean; readonly value: boolean }
  /** Numbers that are kept: for each parameter, each row and each column of a matrix, each tensor, the session. */
  readonly state: Readonly<Record<Place, number>>
}

const places = ['parameter', 'row', 'column', 'tensor', 'session'] as const
type Place = (typeof places)[number]

/** @param trace of one matrix with not as many rows as columns */
export function footprintOf({ tensors: [tensor], bodies: [body] }: Trace): Footprint {
  if (tensor === undefined || body === undefined) throw new Error('A footprint is that of a matrix')
  const { shape } = tensor
  const made = [...body.made.values()]
  const read = new Set([leavesOf(body), ...made.map((own) => leavesOf(own.body))].flatMap((own) => [...own]))
  const state = Object.fromEntries(places.map((place) => [place, 0])) as Record<Place, number>
  for (const own of [{ shape, body }, ...made])
    for (const slot of own.body.slots.values()) {
      const { place, count } = kept(slot, own.shape, shape)
      // BF16 numbers are half a number.
      state[place] += slot.type === 'BF16' ? count / 2 : count
    }
  return { needs: { params: read.has('parameter'), value: read.has('loss') }, state }
}

/** How many numbers a slot of a tensor is, for each of what a matrix has as many of as the slot is long and wide. */
function kept({ extent, kept = [] }: Slot, shape: readonly number[], [m = 1, n = 1]: readonly number[]) {
  if (extent === 'session') return { place: extent, count: 1 } as const
  const sizes = extent === 'element' ? shape : kept.map((axis) => shape[axis] ?? 1)
  const count = sizes.reduce((a, b) => a * b, 1)
  const [rows, columns] = [sizes.includes(m), sizes.includes(n)]
  if (rows && columns) return { place: 'parameter', count: count / (m * n) } as const
  if (rows) return { place: 'row', count: count / m } as const
  return columns ? ({ place: 'column', count: count / n } as const) : ({ place: 'tensor', count } as const)
}

/** The kinds of all that a step reads. */
function leavesOf({ update, next, gives, exposed }: Treatment & Partial<Body>): ReadonlySet<string> {
  const seen = new Set<Expr>()
  const visit = (x: Expr) => {
    if (seen.has(x)) return
    seen.add(x)
    x.args.forEach(visit)
  }
  if (update !== undefined) visit(update)
  for (const x of [...next.values(), ...exposed.values()]) visit(x)
  for (const { value } of gives.values()) visit(value)
  return new Set([...seen].filter(({ args }) => args.length === 0).map(({ node }) => node.op))
}
