import { createHash } from 'node:crypto'
import { Packr } from 'msgpackr/pack'
import type { TensorSpec } from '../../schemas/index.ts'
import { StateLost } from '../stores/store.ts'

/** What a session was opened as: all that must be equal for another open to attach to it. */
export interface Spec {
  /** The chain in canonical form. */
  readonly chain: string
  readonly tensors: readonly TensorSpec[]
  /** Whether the server keeps the parameters. */
  readonly keeps: boolean
  readonly seed: number
  /** How many contributions make a step; 0 where each one is a step of its own. */
  readonly workers: number
  readonly aggregate: 'mean' | 'sum'
  /** With how many contributions a step closes once the first of them came so many milliseconds ago. */
  readonly quorum?: number
  readonly deadline_ms?: number
  /** How a contribution is weighed by the steps since its parameters: `none`, `inverse` or `reject:<n>`. */
  readonly staleness: string
  /** By what it was made that is to put its state: until that has come there is none. */
  readonly made?: string
}

/** How digests of state that was put begin: no step's does. */
export const stateMark = 'state:'

/** Of the records, entries and snapshots that sessions write. */
export const formatVersion = 1
/** Of entries in which a tensor has certain rows only. */
export const rowsFormat = 2

export const packr = new Packr({ useRecords: false, moreTypes: false })

export const packSpec = (spec: Spec): Uint8Array => packr.pack({ format: formatVersion, ...spec })
/** Sessions that were opened before there were several workers have one. */
export const readSpec = (record: Uint8Array): Spec => ({
  ...alone,
  ...unpack<Spec>(record, 'session record'),
})

export const alone = { workers: 1, aggregate: 'mean', staleness: 'none' } as const

/** Bytes of the contributions to one step, of four bytes an element, of so many elements a tensor. */
export const roundBytes = (workers: number, sizes: readonly number[]): number =>
  workers > 1 ? 4 * workers * sizes.reduce((sum, n) => sum + n, 0) : 0

/** The most steps that there may be since a contribution's parameters; no bound where they are not counted. */
export const mostStale = ({ staleness }: Spec): number | undefined =>
  staleness.startsWith('reject:') ? Number(staleness.slice('reject:'.length)) : undefined

/** Read what a session wrote, if this version of the service knows its format. */
export function unpack<T>(bytes: Uint8Array, what: string): T {
  const { format, ...content } = packr.unpack(bytes) as { format: number }
  if (format === formatVersion || format === rowsFormat) return content as T
  throw new StateLost(
    `The ${what} has format ${format}; this server reads the formats ${formatVersion} and ${rowsFormat}`,
  )
}

/** SHA-256 of the tensors' canonical JSON (RFC 8785), in hex. */
export function schemaHash(tensors: readonly TensorSpec[]): string {
  const canonical = JSON.stringify(tensors.map(({ name, shape }) => ({ name, shape })))
  return createHash('sha256').update(canonical).digest('hex')
}

/** In what a wanted specification differs from the one that is. */
export function differences(is: Spec, wanted: Spec): string[] {
  const found: string[] = []
  if (is.chain !== wanted.chain) found.push(`chain is ${is.chain}, wanted ${wanted.chain}`)
  if (schemaHash(is.tensors) !== schemaHash(wanted.tensors))
    found.push(tensorDifference(is.tensors, wanted.tensors))
  if (is.keeps !== wanted.keeps) {
    const kept = (keeps: boolean) => (keeps ? 'kept by the server' : 'not kept by the server')
    found.push(`params are ${kept(is.keeps)}, wanted ${kept(wanted.keeps)}`)
  }
  for (const field of ['seed', 'workers', 'aggregate', 'quorum', 'deadline_ms', 'staleness'] as const)
    if (is[field] !== wanted[field])
      found.push(`${field} is ${is[field] ?? 'not set'}, wanted ${wanted[field] ?? 'none'}`)
  return found
}

function tensorDifference(is: readonly TensorSpec[], wanted: readonly TensorSpec[]): string {
  if (is.length !== wanted.length) return `it has ${is.length} tensors, wanted ${wanted.length}`
  const show = (tensor: TensorSpec | undefined) => `${tensor?.name} [${tensor?.shape}]`
  const i = is.findIndex((tensor, i) => show(tensor) !== show(wanted[i]))
  return `tensor ${i} is ${show(is[i])}, wanted ${show(wanted[i])}`
}
