import type { Body, Expr, Slot, Trace } from '../expression/index.ts'

/** What a recorded chain asks of a session. */
export interface Footprint {
  /** What a step must come with, unless the server keeps the parameters. */
  readonly needs: { readonly params: boolean; readonly value: boolean }
  /** Numbers that are kept: for each parameter, each row and each column of a matrix, each tensor, the session. */
  readonly state: Readonly<Record<(typeof places)[number], number>>
}

const places = ['parameter', 'row', 'column', 'tensor', 'session'] as const

/** @param trace of one matrix */
export function footprintOf({ bodies }: Trace): Footprint {
  const read = new Set(bodies.flatMap((body) => [...leavesOf(body)]))
  const slots = bodies.flatMap((body) => [...body.slots.values()])
  const kept = (place: string) =>
    slots.reduce((sum, slot) => sum + (placeOf(slot) === place ? sizeOf(slot) : 0), 0)
  return {
    needs: { params: read.has('parameter'), value: read.has('loss') },
    state: Object.fromEntries(places.map((place) => [place, kept(place)])) as Footprint['state'],
  }
}

/** BF16 numbers are half a number. */
const sizeOf = ({ type }: Slot): number => (type === 'BF16' ? 0.5 : 1)

function placeOf({ extent, kept = [] }: Slot): string {
  if (extent === 'axes') return kept.includes(0) ? 'row' : 'column'
  return extent === 'element' ? 'parameter' : extent
}

/** The kinds of all that a step reads. */
function leavesOf({ update, next, gives, exposed }: Body): ReadonlySet<string> {
  const seen = new Set<Expr>()
  const visit = (x: Expr) => {
    if (seen.has(x)) return
    seen.add(x)
    x.args.forEach(visit)
  }
  for (const x of [update, ...next.values(), ...exposed.values()]) visit(x)
  for (const { value } of gives.values()) visit(value)
  return new Set([...seen].filter(({ args }) => args.length === 0).map(({ node }) => node.op))
}
