import type { Body, Expr, Tensor, Trace, Treatment } from '../expression/index.ts'
import { Interner } from './intern.ts'

/** Tensors that a chain treats alike, and how. */
export interface Alike {
  readonly tensors: readonly number[]
  /** Tensors that are made of others have no updates. */
  readonly body: Treatment & { readonly update?: Expr }
  /** Where in the chain they are made; '' for tensors of the session. */
  readonly at: string
  /** Tensors that are made of those of a group are of the same family, and in the same order. */
  readonly family: number
}

/** All tensors of a trace, and those with equal bodies together, so that one program serves them all. */
export interface Grouped {
  /** Those of the session, then those that are made of them. */
  readonly tensors: readonly Tensor[]
  /** By tensor, which of the session it is, or is made of. */
  readonly origins: readonly number[]
  /** By tensor, as recorded. */
  readonly bodies: readonly Treatment[]
  readonly groups: readonly Alike[]
  readonly routines: Interner['routines']
}

export function groupTensors({ tensors: declared, bodies: recorded }: Trace): Grouped {
  const interner = new Interner()
  const families = familiesOf(recorded, interner)
  const tensors = [...declared]
  const origins = declared.map((_, i) => i)
  const bodies: Treatment[] = [...recorded]
  const made = declared.map(({ name }, origin) => {
    const own = [...(recorded[origin]?.made ?? [])].map(([at, { shape, body }]) => {
      origins.push(origin)
      bodies.push(body)
      return [at, tensors.push({ name, shape, rank: shape.length, at }) - 1] as const
    })
    return new Map(own)
  })
  const groups = families.flatMap(({ tensors, body }, family): Alike[] => [
    { tensors, body, at: '', family },
    ...[...body.made].map(([at, { body }]) => ({
      tensors: tensors.map((origin) => made[origin]?.get(at) ?? -1),
      body,
      at,
      family,
    })),
  ])
  return { tensors, origins, bodies, groups, routines: interner.routines }
}

interface Family {
  readonly tensors: number[]
  readonly body: Body
}

function familiesOf(bodies: readonly Body[], interner: Interner): readonly Family[] {
  const families = new Map<string, Family>()
  const known = new Map<Body, Family>()
  bodies.forEach((recorded, tensor) => {
    const seen = known.get(recorded)
    if (seen !== undefined) {
      seen.tensors.push(tensor)
      return
    }
    const made = [...recorded.made].map(
      ([at, { shape, body }]) => [at, { shape, body: internBody(body, interner) }] as const,
    )
    const update = interner.intern(recorded.update)
    const body = { update, ...internBody(recorded, interner), made: new Map(made) }
    const signature = JSON.stringify([
      interner.id(update),
      sign(body, interner),
      made.map(([at, { body }]) => [at, sign(body, interner)]),
    ])
    const family = families.get(signature) ?? { tensors: [], body }
    family.tensors.push(tensor)
    families.set(signature, family)
    known.set(recorded, family)
  })
  return [...families.values()]
}

function internBody(body: Treatment, interner: Interner): Treatment {
  const all = (values: ReadonlyMap<string, Expr>) =>
    new Map([...values].map(([k, x]) => [k, interner.intern(x)]))
  const gives = [...body.gives].map(([place, { combine, value }]) => {
    return [place, { combine, value: interner.intern(value) }] as const
  })
  return {
    slots: body.slots,
    next: all(body.next),
    exposed: all(body.exposed),
    gives: new Map(gives),
  }
}

function sign({ next, exposed, gives, slots }: Treatment, interner: Interner): unknown {
  const ids = (values: ReadonlyMap<string, Expr>) => [...values].map(([name, x]) => [name, interner.id(x)])
  const given = [...gives].map(([place, { combine, value }]) => [place, combine, interner.id(value)])
  const kept = [...slots].map(([name, { extent, kept, type }]) => [name, extent, kept, type])
  return [ids(next), ids(exposed), given, kept]
}
