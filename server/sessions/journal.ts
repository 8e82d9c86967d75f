import xxhash from 'xxhash-wasm'
import type { Dtype } from '../../schemas/index.ts'
import { type Plan, sizeOf } from '../compiler/plan.ts'
import { withRows } from '../compiler/rows.ts'
import { bytesOf } from '../engines/dtypes.ts'
import type { Lent, Tensors } from '../engines/engine.ts'
import type { Entry } from '../stores/store.ts'
import { sizeOf as bytesIn, copy, Turns } from '../turns.ts'
import { formatVersion, packr, rowsFormat, unpack } from './spec.ts'

/** A number set by its place among the options of the plan. */
export type Change = readonly [index: number, value: number]

/** Whatever changes a session. The log of these is the session; all else can be made again from it. */
export type Event =
  /** The parameters that the server is to keep. The first of them counts, later ones change nothing. */
  | { readonly kind: 'params'; readonly params: Tensors }
  | { readonly kind: 'hyperparams'; readonly changes: readonly Change[] }
  | StepEvent
  | ContributionEvent
  /** The step of those whose contributions came. */
  | { readonly kind: 'close' }

export interface StepEvent {
  readonly kind: 'step'
  /** Where its tensors are in memory that the engine lent. */
  readonly lease?: Lent['lease']
  /** Whether it is to be measured wherever it is folded, for the session's history. */
  readonly measure?: boolean
  readonly gradients: Tensors
  readonly parameters?: Tensors
  readonly loss?: number
  readonly changes: readonly Change[]
}

/** What one of several workers gives to a step, or, where none waits for others, a step of its own. */
export interface ContributionEvent {
  readonly kind: 'contribution'
  /** As of a step. */
  readonly measure?: boolean
  readonly worker: string
  readonly gradients: Tensors
  readonly weight: number
  readonly loss?: number
  /** The step whose parameters the gradients were computed on. */
  readonly base?: number
}

interface Meta extends Partial<Pick<ContributionEvent, 'worker' | 'weight' | 'base' | 'loss' | 'measure'>> {
  readonly kind: Event['kind']
  /** Fingerprint of the engine of the server that took it. */
  readonly numerics: string
  readonly dtypes: readonly Dtype[]
  /** How many rows there are of each tensor, −1 for one that is whole; none where all are. */
  readonly rows?: readonly number[]
  readonly changes?: readonly Change[]
}

/** An event as a store keeps it: what it is in a few bytes, and its tensors back to back. */
export function writeEvent(
  event: Event,
  numerics: string,
): { meta: Uint8Array; body: readonly Uint8Array[] } {
  const tensors = tensorsOf(event)
  const rows = 'gradients' in event ? counted(event.gradients) : undefined
  const meta: Meta & { format: number } = {
    format: rows === undefined ? formatVersion : rowsFormat,
    kind: event.kind,
    numerics,
    dtypes: tensors.map(({ dtype }) => dtype),
    ...(rows === undefined ? {} : { rows }),
    ...('loss' in event ? { loss: event.loss } : {}),
    ...('changes' in event ? { changes: event.changes } : {}),
    ...(event.kind === 'contribution' ? { worker: event.worker, weight: event.weight } : {}),
    ...('base' in event ? { base: event.base } : {}),
    ...('measure' in event ? { measure: event.measure } : {}),
  }
  return { meta: isPlain(event) ? packedOnce(meta) : packr.pack(meta), body: bodyOf(event) }
}

/** Whether it is a step of which there is nothing to say but the number types. */
const isPlain = (event: Event): boolean =>
  event.kind === 'step' &&
  event.gradients.rows === undefined &&
  event.loss === undefined &&
  event.measure === undefined &&
  event.changes.length === 0

/** Most steps are plain, and as the one before. */
let latest: { readonly meta: Meta; readonly bytes: Uint8Array } | undefined

function packedOnce(meta: Meta): Uint8Array {
  const { numerics, dtypes } = meta
  const { meta: known, bytes } = latest ?? {}
  if (bytes !== undefined && known?.numerics === numerics && `${known.dtypes}` === `${dtypes}`) return bytes
  latest = { meta, bytes: packr.pack(meta) }
  return latest.bytes
}

/** Entries of a journal, and their bytes. */
export interface Extent {
  readonly entries: number
  readonly bytes: number
}

export const nothing: Extent = { entries: 0, bytes: 0 }
export const plus = (a: Extent, b: Extent): Extent => ({
  entries: a.entries + b.entries,
  bytes: a.bytes + b.bytes,
})

/**
 * Beside what an event is: a map of events would keep the garbage collector busy. An event that is made of another is made
 * before its body is asked for.
 */
const found = Symbol('body')

/** The numbers of rows, where there are such, then the tensors. It is asked for at every stage of a step, and found once. */
export function bodyOf(event: Event & { [found]?: readonly Uint8Array[] }): readonly Uint8Array[] {
  event[found] ??= [
    ...('gradients' in event ? rowBytes(event.gradients) : []),
    ...tensorsOf(event).flatMap(({ parts }) => parts),
  ]
  return event[found]
}

const rowBytes = ({ rows = [] }: Tensors): readonly Uint8Array[] =>
  rows.flatMap((own) =>
    own === undefined ? [] : [new Uint8Array(own.buffer, own.byteOffset, own.byteLength)],
  )

function counted({ rows }: Tensors): readonly number[] | undefined {
  return rows?.map((own) => own?.length ?? -1)
}

const tensorsOf = (event: Event): readonly Tensors[] => {
  switch (event.kind) {
    case 'params':
      return [event.params]
    case 'contribution':
      return [event.gradients]
    case 'step':
      return event.parameters === undefined ? [event.gradients] : [event.gradients, event.parameters]
    default:
      return []
  }
}

/** What kind of event an entry is, which is told without its body. */
export const kindOf = (entry: Entry): Event['kind'] =>
  unpack<Meta>(entry.meta, `journal entry ${entry.seq}`).kind

/** Read an entry back, of which these are the bytes. The tensors are the session's. */
export function readEvent(
  entry: Entry,
  body: Uint8Array,
  tensors: Plan['tensors'],
): { event: Event; numerics: string } {
  const meta = unpack<Meta>(entry.meta, `journal entry ${entry.seq}`)
  const { kind, numerics, dtypes, loss, changes = [], rows: counts = [] } = meta
  let end = 0
  const take = (bytes: number) => {
    end += bytes
    return body.subarray(end - bytes, end)
  }
  const own = counts.map((n) => (n < 0 ? undefined : new Int32Array(new Uint8Array(take(4 * n)).buffer)))
  const rows = own.length === 0 ? {} : { rows: own }
  const [first, second] = dtypes.map((dtype): Tensors => {
    const sizes = tensors.map((tensor, i) => sizeOf(withRows(tensor, own[i])))
    return { dtype, parts: sizes.map((size) => take(size * bytesOf[dtype])), ...rows }
  })
  if (kind === 'hyperparams') return { numerics, event: { kind, changes } }
  if (kind === 'close') return { numerics, event: { kind } }
  if (first === undefined) throw new Error(`Journal entry ${entry.seq} is a ${kind} without tensors`)
  if (kind === 'params') return { numerics, event: { kind, params: first } }
  const { measure } = meta
  const given = {
    gradients: first,
    ...(loss === undefined ? {} : { loss }),
    ...(measure === undefined ? {} : { measure }),
  }
  if (kind === 'contribution') {
    const { worker = '', weight = 1, base } = meta
    return {
      numerics,
      event: { kind, worker, weight, ...given, ...(base === undefined ? {} : { base }) },
    }
  }
  const parameters = second === undefined ? {} : { parameters: second }
  return { numerics, event: { kind, changes, ...given, ...parameters } }
}

const { create64, h64Raw } = await xxhash()
/** Bytes up to which hashing them in one go is quicker than a hash that is fed. */
const few = 2 ** 16

/**
 * What tells a retry from another request for the same step: a digest of the content, not of how it was sent.
 * Fast rather than cryptographic: who contrives a collision fools only their own session.
 */
export async function digest(event: StepEvent | ContributionEvent): Promise<string> {
  const [numbers, body] = [numbersOf(event), bodyOf(event)]
  if (numbers.length + bytesIn(body) <= few) return hex(h64Raw(Buffer.concat([numbers, ...body])))
  const hash = create64().update(numbers)
  await new Turns().through(body, (slice) => feed(hash, slice))
  return hex(hash.digest())
}

/** Of most steps: F32, neither parameters nor a loss, and nothing is changed. */
const plainF32: Buffer = packr.pack(['F32', null, null, []])

/** What there is to say of a step beside its tensors. */
function numbersOf(event: StepEvent | ContributionEvent): Buffer {
  const { gradients, loss = null } = event
  if (isPlain(event) && gradients.dtype === 'F32' && !('parameters' in event)) return plainF32
  const rows = counted(gradients)
  const rest =
    event.kind === 'step'
      ? [event.parameters?.dtype ?? null, loss, sorted(event.changes)]
      : [loss, event.worker, event.weight, event.base ?? null]
  const numbers = [gradients.dtype, ...rest]
  return packr.pack(rows === undefined ? numbers : [...numbers, rows])
}

/** By way of memory that is this thread's, and in its cache: a hash takes bytes by `set`, which is slow for others. */
const spoon = Buffer.allocUnsafeSlow(few)
function feed(hash: ReturnType<typeof create64>, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += few) {
    const part = bytes.subarray(at, at + few)
    const own = spoon.subarray(0, part.length)
    copy(own, part)
    hash.update(own)
  }
}

const hex = (hash: bigint): string => hash.toString(16).padStart(16, '0')

function sorted(changes: readonly Change[]): Change[] {
  return [...changes].sort(([a], [b]) => a - b)
}
