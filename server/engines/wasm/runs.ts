import type { Tensor } from '../../expression/index.ts'

/** How a tensor is gone through by a pass over axes: slices along the first axis, each of `middle` runs of `inner`. */
export interface Runs {
  readonly slices: number
  readonly middle: number
  readonly inner: number
  /** For each set of kept axes: how far two slices lie apart in what keeps them. */
  readonly strides: readonly number[]
  /** For each run of a slice, and each set: where it lies in what keeps the set. */
  readonly table: Uint32Array
}

/** Runs are as long as each set keeps all or none of their axes. */
export function runsOf({ shape, rank }: Tensor, sets: readonly (readonly number[])[]): Runs {
  const size = (from: number, to: number) => shape.slice(from, to).reduce((n, d) => n * d, 1)
  const alike = (axis: number) => sets.every((set) => set.includes(axis) === set.includes(rank - 1))
  let first = rank - 1
  while (first > 1 && alike(first - 1)) first--
  const stride = (set: readonly number[], axis: number) =>
    set.includes(axis)
      ? set.filter((other) => other > axis).reduce((n, other) => n * (shape[other] ?? 1), 1)
      : 0
  const middle = size(1, first)
  const table = new Uint32Array(middle * sets.length)
  for (let run = 0; run < middle; run++) {
    let rest = run
    for (let axis = first - 1; axis > 0; axis--) {
      const at = rest % (shape[axis] ?? 1)
      rest = Math.floor(rest / (shape[axis] ?? 1))
      sets.forEach((set, k) => {
        table[run * sets.length + k] = (table[run * sets.length + k] ?? 0) + at * stride(set, axis)
      })
    }
  }
  return {
    slices: shape[0] ?? 1,
    middle,
    inner: size(first, rank),
    strides: sets.map((set) => stride(set, 0)),
    table,
  }
}
