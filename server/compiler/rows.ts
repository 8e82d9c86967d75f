import type { Tensor } from '../expression/index.ts'
import { type Plan, type StatePiece, sizeOf } from './plan.ts'

/** Numbers of the rows of a tensor that a step is about, in the order of its data; none where it is about all. */
export type Rows = Int32Array | undefined

/**
 * The plan of a step that of some tensors is about certain rows only: these are treated as if they were all. State is
 * laid out for them alone; what is computed stays the same, for no plan depends on a size.
 *
 * @param rows one a tensor
 */
export function compact(plan: Plan, rows: readonly Rows[]): Plan {
  const tensors = plan.tensors.map((tensor, i) => withRows(tensor, rows[i]))
  let end = 0
  const state = plan.state.map((piece): StatePiece => {
    const size = sizeWith(plan, piece, rows)
    if (piece.host === undefined) return { ...piece, size }
    end += size
    return { ...piece, size, host: end - size }
  })
  return { ...plan, tensors, state, hosted: end }
}

/** A tensor as if its rows were these. */
export const withRows = (tensor: Tensor, rows: Rows): Tensor =>
  rows === undefined ? tensor : { ...tensor, shape: [rows.length, ...tensor.shape.slice(1)] }

function sizeWith(plan: Plan, piece: StatePiece, rows: readonly Rows[]): number {
  const own = rowsOf(piece, rows)
  return own === undefined ? piece.size : own.length * widthOf(plan, piece)
}

/** The rows of a piece of state; none where it is not of rows, and so the same for all of them. */
export function rowsOf(
  { definition: { extent, kept = [] }, tensor }: StatePiece,
  rows: readonly Rows[],
): Rows {
  if (tensor === undefined || extent === 'tensor' || (extent === 'axes' && !kept.includes(0)))
    return undefined
  return rows[tensor]
}

/** How many numbers of a piece of state belong to one row of its tensor. */
export const widthOf = ({ tensors }: Plan, { size, tensor = -1 }: StatePiece): number =>
  size / (tensors[tensor]?.shape[0] ?? 1)

/** How many elements a row of a tensor has. */
export const rowLength = (tensor: Tensor): number => sizeOf({ ...tensor, shape: tensor.shape.slice(1) })

/** Numbers of certain rows, back to back. */
export function gatherRows(from: Float64Array, rows: Int32Array, width: number): Float64Array {
  const out = new Float64Array(rows.length * width)
  rows.forEach((row, i) => {
    out.set(from.subarray(row * width, (row + 1) * width), i * width)
  })
  return out
}

/** Put numbers of certain rows where they belong; all others stay. */
export function scatterRows(into: Float64Array, rows: Int32Array, from: Float64Array, width: number): void {
  rows.forEach((row, i) => {
    into.set(from.subarray(i * width, (i + 1) * width), row * width)
  })
}

/** What the host keeps, as a compact plan has it. */
export function gatherHosted(
  plan: Plan,
  hosted: Float64Array,
  to: Plan,
  rows: readonly Rows[],
): Float64Array {
  const out = new Float64Array(to.hosted)
  eachHosted(plan, to, (piece, from, at) => {
    const own = rowsOf(piece, rows)
    const numbers = hosted.subarray(from, from + piece.size)
    out.set(own === undefined ? numbers : gatherRows(numbers, own, widthOf(plan, piece)), at)
  })
  return out
}

/** The way back: what the host keeps after a step of a compact plan. */
export function scatterHosted(
  plan: Plan,
  hosted: Float64Array,
  to: Plan,
  after: Float64Array,
  rows: readonly Rows[],
): Float64Array {
  const out = hosted.slice()
  eachHosted(plan, to, (piece, from, at, size) => {
    const own = rowsOf(piece, rows)
    const numbers = after.subarray(at, at + size)
    if (own === undefined) out.set(numbers, from)
    else scatterRows(out.subarray(from, from + piece.size), own, numbers, widthOf(plan, piece))
  })
  return out
}

function eachHosted(
  plan: Plan,
  to: Plan,
  work: (piece: StatePiece, from: number, at: number, size: number) => void,
): void {
  plan.state.forEach((piece, i) => {
    const other = to.state[i]
    if (piece.host !== undefined && other?.host !== undefined) work(piece, piece.host, other.host, other.size)
  })
}
