import { type RowTreatment, rowTreatment } from '../compiler/sparse.ts'
import type { Option, Setting, Term, Trace } from '../expression/index.ts'
import type { Catalogued } from './catalogue.ts'
import { record } from './record.ts'

/** A matrix large enough for what treats large ones otherwise, and larger than the ranks that it may be projected to. */
const matrix = { name: 'w', shape: [512, 256], rank: 2 } as const

/**
 * What becomes of a matrix of which only some rows are sent, with an entry's options as they are when left out. What it
 * needs is as plain as it can be: a wrapper is looked at around the identity.
 */
export function rowsIn(entry: Catalogued): RowTreatment | undefined {
  const trace = plainTrace(entry)
  return trace && rowsOf(trace)
}

export function rowsOf({ bodies, options }: Trace): RowTreatment | undefined {
  const [body] = bodies
  return body && rowTreatment(body, options)
}

/** What a transformation or an optimizer does to a matrix, with options as they are when left out. */
export function plainTrace(entry: Catalogued): Trace | undefined {
  const term = plainCall(entry)
  return term && record(term, [matrix], { keep: false, stats: false })
}

/** A call of a transformation or an optimizer with no more than it needs. */
export function plainCall(entry: Catalogued): Term | undefined {
  if (entry.kind !== 'transformation' && entry.kind !== 'optimizer') return undefined
  const { name, options, refuse } = entry
  for (const number of numbers) {
    const settings = Object.entries(options).map(([key, option]) => {
      const { fallback = plainest(`${name}.${key}`, option, number) } = option
      return [key, fallback] as const
    })
    if (refuse?.(Object.fromEntries(settings)) === undefined) return { name, args: new Map(settings) }
  }
  throw new Error(`${name} takes no plain settings`)
}

const call = (name: string, ...args: readonly (readonly [string, Setting])[]): Term => ({
  name,
  args: new Map(args),
})
const identity = call('identity')

const numbers = [0.5, 2]

const candidates = {
  schedule: [call('constant_schedule', ['value', 1])],
  condition: [call('every_k', ['k', 2])],
  transformation: [identity, [identity], [['a', identity]], new Map([['a', identity]])],
  pattern: [new Map([['**', 'a']]), true],
  dimensions: [],
} as const satisfies Record<NonNullable<Option<unknown>['takes']>, readonly Setting[]>

/** The first of some plain settings that an option takes. */
function plainest(path: string, { takes, refuse }: Option<unknown>, number: number): Setting {
  const own: readonly Setting[] = takes === undefined ? [] : candidates[takes]
  // A number can be a label too.
  const plain = takes === 'pattern' ? own : [number, ...numbers, ...own, null]
  const found = plain.find((setting) => refuse(setting) === undefined)
  if (found === undefined) throw new Error(`${path} is required, and takes no plain setting`)
  return found
}
