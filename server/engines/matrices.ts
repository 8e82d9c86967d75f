import type { Tensor } from '../expression/index.ts'

/** Matrices in a tensor: where their first elements are, and how far from there rows and columns are. */
export interface Matrices {
  readonly starts: Uint32Array
  readonly rows: Uint32Array
  readonly columns: Uint32Array
}

/** Axes that are neither rows nor columns number the matrices. Of several axes the last one runs fastest. */
export function matricesIn(
  { shape, rank }: Tensor,
  rows: readonly number[],
  columns: readonly number[],
): Matrices {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((n, d) => n * d, 1))
  const offsets = (axes: readonly number[]) =>
    axes.reduce(
      (before, axis) =>
        before.flatMap((at) =>
          Array.from({ length: shape[axis] ?? 1 }, (_, i) => at + i * (strides[axis] ?? 1)),
        ),
      [0],
    )
  const others = Array.from({ length: rank }, (_, axis) => axis).filter(
    (axis) => !rows.includes(axis) && !columns.includes(axis),
  )
  const [starts, first, second] = [others, rows, columns].map((axes) => Uint32Array.from(offsets(axes)))
  const none = new Uint32Array()
  return { starts: starts ?? none, rows: first ?? none, columns: second ?? none }
}

/** The same with rows for columns where there would be more rows: what makes of a matrix the like of its transpose. */
export const wide = ({ starts, rows, columns }: Matrices): Matrices =>
  rows.length > columns.length ? { starts, rows: columns, columns: rows } : { starts, rows, columns }

/** The largest eigenvalue of a symmetric matrix without negative ones, by powers of it. */
export function largestEigenvalue(matrix: Float32Array | Float64Array, size: number, stride: number): number {
  let x = Float64Array.from({ length: size }, (_, i) => 1 + (i % 7) / 8)
  let found = 0
  for (let turn = 0; turn < 2000; turn++) {
    const y = new Float64Array(size)
    for (let i = 0; i < size; i++) {
      let sum = 0
      for (let j = 0; j < size; j++) sum += (matrix[i * stride + j] ?? 0) * (x[j] ?? 0)
      y[i] = sum
    }
    let [along, norm, squares] = [0, 0, 0]
    for (let i = 0; i < size; i++) {
      along += (x[i] ?? 0) * (y[i] ?? 0)
      norm += (x[i] ?? 0) ** 2
      squares += (y[i] ?? 0) ** 2
    }
    const next = along / norm
    if (!(squares > 0) || Math.abs(next - found) <= 1e-15 * next)
      return Number.isNaN(next) ? Number.NaN : next
    found = next
    const scale = 1 / Math.sqrt(squares)
    x = y.map((value) => value * scale)
  }
  return found
}
