import { normalize, orthogonalize } from './orthogonal.ts'
import { eigenvectors } from './tridiagonal.ts'

/** How many numbers `singularVectors` needs: for the matrix, X · Xᵀ, its eigenvectors, and what is found. */
export const roomOf = (rows: number, columns: number, count: number): number =>
  (rows + count) * (rows + columns)

/**
 * The singular vectors of a matrix's largest singular values along its longer side, in descending order: a row each. Of
 * each the first of the numbers that are farthest from 0 is positive. Where all further singular values are 0 they are
 * completed by what is orthogonal to those before. NaN throughout where the matrix is not finite.
 *
 * Computed as eigenvectors of X · Xᵀ, taken back by Xᵀ: in float64 that loses less than X does in float32.
 *
 * @param room begins with the matrix, row by row, with no more rows than columns. All of it is overwritten, and what is
 *   found is in it
 * @param count no more than there are rows
 */
export function singularVectors(
  room: Float64Array,
  rows: number,
  columns: number,
  count: number,
): Float64Array {
  const x = room.subarray(0, rows * columns)
  const squares = room.subarray(x.length, x.length + rows * rows)
  const along = room.subarray(x.length + squares.length, x.length + squares.length + count * rows)
  const found = room.subarray(-count * columns).fill(0)
  let size = 0
  for (const value of x) size = Math.max(size, Math.abs(value))
  if (!Number.isFinite(size)) return found.fill(Number.NaN)
  if (size > 0) {
    for (let i = 0; i < x.length; i++) x[i] = (x[i] ?? 0) / size
    gram(x, rows, columns, squares)
    eigenvectors(squares, rows, along)
    combine(along, x, rows, columns, found)
  }
  let largest = 0
  for (let k = 0; k < count; k++) {
    const own = found.subarray(k * columns, (k + 1) * columns)
    const length = normalize(own)
    orthogonalize(found, k, columns)
    const left = length * normalize(own)
    largest = Math.max(largest, left)
    if (!(left > largest * columns * 2 ** -52)) complete(found, k, columns)
    turn(own)
  }
  return found
}

/** X · Xᵀ on and below the diagonal, two rows by two columns at a time: each number that is read is used twice. */
function gram(x: Float64Array, rows: number, columns: number, out: Float64Array): void {
  for (let i = 0; i < rows; i += 2)
    for (let j = 0; j <= i; j += 2) {
      // Where there is no second row or column, the first one again.
      const [below, beside] = [Math.min(i + 1, rows - 1), Math.min(j + 1, rows - 1)]
      const [a, b, c, d] = [i * columns, below * columns, j * columns, beside * columns]
      let [ac, ad, bc, bd] = [0, 0, 0, 0]
      for (let l = 0; l < columns; l++) {
        const p = x[a + l] ?? 0
        const q = x[b + l] ?? 0
        const r = x[c + l] ?? 0
        const s = x[d + l] ?? 0
        ac += p * r
        ad += p * s
        bc += q * r
        bd += q * s
      }
      out[i * rows + j] = ac
      out[i * rows + beside] = ad
      out[below * rows + j] = bc
      out[below * rows + beside] = bd
    }
}

/** Each row of coefficients times X. */
function combine(
  coefficients: Float64Array,
  x: Float64Array,
  rows: number,
  columns: number,
  out: Float64Array,
): void {
  for (let k = 0; k * rows < coefficients.length; k++)
    for (let j = 0; j < rows; j++) {
      const factor = coefficients[k * rows + j] ?? 0
      for (let l = 0; l < columns; l++)
        out[k * columns + l] = (out[k * columns + l] ?? 0) + factor * (x[j * columns + l] ?? 0)
    }
}

/** Make vector k of the first axis that lies no less outside of the vectors before it than half of what all do on average. */
function complete(vectors: Float64Array, k: number, size: number): void {
  const own = vectors.subarray(k * size, (k + 1) * size)
  const axis = own.findIndex((_, i) => {
    let inside = 0
    for (let at = 0; at < k * size; at += size) inside += (vectors[at + i] ?? 0) ** 2
    return 1 - inside >= (size - k) / size / 2
  })
  own.fill(0)
  own[axis] = 1
  orthogonalize(vectors, k, size)
  normalize(own)
}

/** Let the first of the numbers that are farthest from 0, but for rounding, be positive. */
function turn(x: Float64Array): void {
  let farthest = 0
  for (const value of x) farthest = Math.max(farthest, Math.abs(value))
  const first = x.find((value) => Math.abs(value) >= farthest * (1 - 2 ** -20)) ?? 0
  if (first < 0) for (let i = 0; i < x.length; i++) x[i] = -(x[i] ?? 0)
}
