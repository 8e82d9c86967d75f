import type { Plan } from '../compiler/plan.ts'
import type { Rows } from '../compiler/rows.ts'
import { into, Turns } from '../turns.ts'
import type { Dtype } from './dtypes.ts'
import { Lease } from './lease.ts'

export { Lease }

/** Tensors as bytes, one piece a tensor in declared order: little-endian, row-major, of any alignment. */
export interface Tensors {
  readonly dtype: Dtype
  readonly parts: readonly Uint8Array[]
  /**
   * One a tensor, where of some tensors there are certain rows only, in this order. Of gradients: then parameters that
   * come with them, and what is given back, are of the same rows, and state of other rows stays as it is.
   */
  readonly rows?: readonly Rows[]
}

export interface StepInput {
  /** The plan to run: any of those that have the state of the one that the replica was opened with. */
  readonly plan: Plan
  readonly gradients: Tensors
  /**
   * Where they are in memory that was lent. If nobody else holds it, updates may be written over them: the output holds it
   * then.
   */
  readonly lease?: Lease
  /** Parameters that the client keeps, where the plan needs them. */
  readonly parameters?: Tensors
  readonly loss?: number
  /** Options that may change between steps, in the plan's order. */
  readonly options: Float64Array
  /** What to give back; nothing when absent, as for steps that are only caught up with. */
  readonly want?: Want
}

export interface Want {
  readonly dtype: Dtype
  readonly of: 'updates' | 'params'
}

export interface StepOutput {
  /** Updates or parameters as wanted, one piece a tensor. */
  readonly parts?: readonly Uint8Array[]
  /**
   * There where `parts` are the engine's own memory: they are good until it is released. Who takes the step holds it.
   * It may outlive the replica.
   */
  readonly lease?: Lease
  /** The scalars that the plan exposes. */
  readonly scalars: ReadonlyMap<string, number>
}

/** How state starts: as the plan says, or as it was when saved. */
export type Start =
  | { readonly options: Float64Array; readonly parameters?: Tensors }
  | { readonly saved: SavedState }

/** State as it was saved, wherever it lies: its pieces back to back, in the order of `plan.state`. */
export interface SavedState {
  readonly pieces: readonly { readonly dtype: Dtype; readonly length: number }[]
  /** Put all bytes to where pieces of that size in all lie back to back. */
  read(pieces: readonly Uint8Array[]): Promise<void> | undefined
}

/** One piece of state, in the order of `plan.state`. */
export interface SavedPiece {
  readonly dtype: Dtype
  readonly bytes: Uint8Array
}

/** State that is in memory. */
export const savedState = (pieces: readonly SavedPiece[]): SavedState => ({
  pieces: pieces.map(({ dtype, bytes }) => ({ dtype, length: bytes.length })),
  read: (targets) =>
    new Turns().through(
      pieces.map(({ bytes }) => bytes),
      into(targets),
    ),
})

/** The pieces, each in memory of its own. */
export async function piecesOf(
  saved: SavedState,
): Promise<(SavedPiece & { readonly bytes: Uint8Array<ArrayBuffer> })[]> {
  const pieces = saved.pieces.map(({ dtype, length }) => ({ dtype, bytes: new Uint8Array(length) }))
  await saved.read(pieces.map(({ bytes }) => bytes))
  return pieces
}

/** Memory to write all of. */
export type Take = (bytes: number) => Uint8Array<ArrayBuffer>

/** Memory of an engine, good until it is released. */
export interface Lent {
  readonly bytes: Uint8Array
  readonly lease: Lease
}

/** The state of one session in an engine's memory. One call at a time. */
export interface Replica {
  step(input: StepInput): Promise<StepOutput>
  /**
   * A copy of all state, or of the pieces of one slot, which later steps do not touch: where an engine copies it within this
   * process, to memory that is taken so.
   */
  save(slot?: string, take?: Take): Promise<readonly SavedPiece[]>
  /**
   * Memory for tensors that are to be given to a step, where it would copy them to otherwise; until it is released. None
   * where that is of no use, or not there.
   */
  lend?(bytes: number): Lent | undefined
  close(): void
}

/** Runs plans. Knows nothing of chains, sessions or steps taken before. */
export interface Engine {
  readonly name: string
  /** Names the arithmetic: replays are byte-identical between engines of equal fingerprint only. */
  readonly numerics: string
  /** Number types of gradients and updates that it takes. */
  readonly dtypes: readonly Dtype[]
  /** Bytes that a piece of state takes. */
  stateBytes(plan: Plan): number
  /**
   * Why sessions of this plan cannot be held, as the end of a sentence; undefined when they can. With rows: why a step
   * about these cannot be taken in one of them.
   */
  refuse(plan: Plan, rows?: readonly Rows[]): string | undefined
  open(plan: Plan, start: Start): Promise<Replica>
  /** Bytes that it has taken from the system, where it knows. */
  memoryBytes?(): number
  close(): Promise<void>
}
