import type { Body, Expr } from '../expression/index.ts'
import { Interner } from './intern.ts'

/** Tensors that a chain treats alike, and how. */
export interface Alike {
  readonly tensors: readonly number[]
  readonly body: Body
}

/** Put tensors with equal bodies together, so that one program serves them all. */
export function groupBodies(bodies: readonly Body[]): {
  readonly groups: readonly Alike[]
  readonly routines: Interner['routines']
} {
  const interner = new Interner()
  const groups = new Map<string, { tensors: number[]; body: Body }>()
  const known = new Map<Body, { tensors: number[]; body: Body }>()
  bodies.forEach((recorded, tensor) => {
    const seen = known.get(recorded)
    if (seen !== undefined) {
      seen.tensors.push(tensor)
      return
    }
    const body = internBody(recorded, interner)
    const signature = sign(body, interner)
    const group = groups.get(signature) ?? { tensors: [], body }
    group.tensors.push(tensor)
    groups.set(signature, group)
    known.set(recorded, group)
  })
  return { groups: [...groups.values()], routines: interner.routines }
}

function internBody(body: Body, interner: Interner): Body {
  const all = (values: ReadonlyMap<string, Expr>) =>
    new Map([...values].map(([k, x]) => [k, interner.intern(x)]))
  const gives = [...body.gives].map(([place, { combine, value }]) => {
    return [place, { combine, value: interner.intern(value) }] as const
  })
  return {
    slots: body.slots,
    update: interner.intern(body.update),
    next: all(body.next),
    exposed: all(body.exposed),
    gives: new Map(gives),
  }
}

function sign({ update, next, exposed, gives, slots }: Body, interner: Interner): string {
  const ids = (values: ReadonlyMap<string, Expr>) => [...values].map(([name, x]) => [name, interner.id(x)])
  const given = [...gives].map(([place, { combine, value }]) => [place, combine, interner.id(value)])
  const kept = [...slots].map(([name, { extent, kept, type }]) => [name, extent, kept, type])
  return JSON.stringify([interner.id(update), ids(next), ids(exposed), given, kept])
}
