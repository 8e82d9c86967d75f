import type { Dtype } from '../../schemas/index.ts'
import { type Plan, pieceName } from '../compiler/plan.ts'
import { Lease, type Replica, type SavedPiece, type SavedState } from '../engines/engine.ts'
import { give, take } from '../spare.ts'
import { type Snapshot, StateLost } from '../stores/store.ts'
import type { Past } from './history.ts'
import { formatVersion, packr, unpack } from './spec.ts'

/** What a snapshot says beside the state itself. */
export interface SnapshotMeta {
  /** The session that it is of: another of the same key may have taken its place. */
  readonly incarnation: string
  readonly step: number
  /** Fingerprint of the engine that made it. */
  readonly numerics: string
  /** The step from which replays are byte-identical. */
  readonly exactFrom: number
  /** Options as they are after the step, in the plan's order. */
  readonly options: readonly number[]
  /** Not there where the state was put. */
  readonly past?: Past
  /** The state's pieces in order. */
  readonly pieces: readonly { readonly name: string; readonly dtype: Dtype; readonly bytes: number }[]
}

/** All state, in memory that the next snapshot is in once this one's is released. */
export async function copyState(
  replica: Replica,
): Promise<{ readonly saved: readonly SavedPiece[]; readonly lease: Lease }> {
  const taken: Uint8Array<ArrayBuffer>[] = []
  const saved = await replica.save(undefined, (length) => {
    const bytes = take(length)
    taken.push(bytes)
    return bytes
  })
  return { saved, lease: new Lease(() => taken.forEach(give)) }
}

export function writeSnapshot(
  plan: Plan,
  saved: readonly SavedPiece[],
  meta: Omit<SnapshotMeta, 'pieces'>,
): { meta: Uint8Array; body: readonly Uint8Array[] } {
  const pieces = saved.map(({ dtype, bytes }, i) => {
    const piece = plan.state[i]
    return { name: piece === undefined ? '' : pieceName(plan, piece), dtype, bytes: bytes.length }
  })
  return {
    meta: packr.pack({ format: formatVersion, ...meta, pieces }),
    body: saved.map(({ bytes }) => bytes),
  }
}

/** Read a snapshot back, if it is of this plan's state; that itself stays where it is. */
export function readSnapshot(plan: Plan, snapshot: Snapshot): SnapshotMeta & { readonly saved: SavedState } {
  const meta = unpack<SnapshotMeta>(snapshot.meta, `snapshot after entry ${snapshot.seq}`)
  const { read, size } = snapshot.body
  const end = meta.pieces.reduce((sum, { bytes }) => sum + bytes, 0)
  const saved = { pieces: meta.pieces.map(({ dtype, bytes }) => ({ dtype, length: bytes })), read }
  const names = plan.state.map((piece) => pieceName(plan, piece))
  const other = names.findIndex((name, i) => name !== meta.pieces[i]?.name)
  if (other >= 0 || names.length !== meta.pieces.length || end !== size)
    throw new StateLost(
      `The snapshot after entry ${snapshot.seq} has ${meta.pieces.length} pieces of state in ${size} bytes, ` +
        `expected ${names.length} in ${end}; the first that differs is ${names[other] ?? 'the last'}`,
    )
  return { ...meta, saved }
}
