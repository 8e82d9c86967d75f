import xxhash from 'xxhash-wasm'
import type { Dtype } from '../../schemas/index.ts'
import { bytesOf } from '../engines/dtypes.ts'
import type { Tensors } from '../engines/engine.ts'
import type { Entry } from '../stores/store.ts'
import { Turns } from '../turns.ts'
import { formatVersion, packr, unpack } from './spec.ts'

/** A number set by its place among the options of the plan. */
export type Change = readonly [index: number, value: number]

/** Whatever changes a session. The log of these is the session; all else can be made again from it. */
export type Event =
  /** The parameters that the server is to keep. The first of them counts, later ones change nothing. */
  | { readonly kind: 'params'; readonly params: Tensors }
  | { readonly kind: 'hyperparams'; readonly changes: readonly Change[] }
  | StepEvent

export interface StepEvent {
  readonly kind: 'step'
  readonly gradients: Tensors
  readonly parameters?: Tensors
  readonly loss?: number
  readonly changes: readonly Change[]
}

interface Meta {
  readonly kind: Event['kind']
  /** Fingerprint of the engine of the server that took it. */
  readonly numerics: string
  readonly dtypes: readonly Dtype[]
  readonly loss?: number
  readonly changes?: readonly Change[]
}

/** An event as a store keeps it: what it is in a few bytes, and its tensors back to back. */
export function writeEvent(
  event: Event,
  numerics: string,
): { meta: Uint8Array; body: readonly Uint8Array[] } {
  const tensors = tensorsOf(event)
  const meta: Meta & { format: number } = {
    format: formatVersion,
    kind: event.kind,
    numerics,
    dtypes: tensors.map(({ dtype }) => dtype),
    ...(event.kind === 'step' && event.loss !== undefined ? { loss: event.loss } : {}),
    ...(event.kind === 'params' ? {} : { changes: event.changes }),
  }
  return { meta: packr.pack(meta), body: tensors.flatMap(({ parts }) => parts) }
}

const tensorsOf = (event: Event): readonly Tensors[] => {
  if (event.kind === 'hyperparams') return []
  if (event.kind === 'params') return [event.params]
  return event.parameters === undefined ? [event.gradients] : [event.gradients, event.parameters]
}

/** Read an entry back. `sizes` are those of the session's tensors. */
export function readEvent(entry: Entry, sizes: readonly number[]): { event: Event; numerics: string } {
  const {
    kind,
    numerics,
    dtypes,
    loss,
    changes = [],
  } = unpack<Meta>(entry.meta, `journal entry ${entry.seq}`)
  let end = 0
  const [first, second] = dtypes.map((dtype): Tensors => {
    const parts = sizes.map((n) => {
      end += n * bytesOf[dtype]
      return entry.body.subarray(end - n * bytesOf[dtype], end)
    })
    return { dtype, parts }
  })
  if (kind === 'hyperparams') return { numerics, event: { kind, changes } }
  if (first === undefined) throw new Error(`Journal entry ${entry.seq} is a ${kind} without tensors`)
  if (kind === 'params') return { numerics, event: { kind, params: first } }
  const parameters = second === undefined ? {} : { parameters: second }
  return {
    numerics,
    event: { kind, gradients: first, changes, ...parameters, ...(loss === undefined ? {} : { loss }) },
  }
}

const { create64 } = await xxhash()

/**
 * What tells a retry from another request for the same step: a digest of the content, not of how it was sent.
 * Fast rather than cryptographic: who contrives a collision fools only their own session.
 */
export async function digest({ gradients, parameters, loss, changes }: StepEvent): Promise<string> {
  const hash = create64()
  hash.update(packr.pack([gradients.dtype, parameters?.dtype ?? null, loss ?? null, sorted(changes)]))
  await new Turns().through([...gradients.parts, ...(parameters?.parts ?? [])], (slice) => hash.update(slice))
  return hash.digest().toString(16).padStart(16, '0')
}

const sorted = (changes: readonly Change[]) => [...changes].sort(([a], [b]) => a - b)
