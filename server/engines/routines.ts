import { everywhere, lengthOf } from '../compiler/axes.ts'
import { normal } from '../compiler/threefry.ts'
import type { NewtonSchulz, Routine, Tensor } from '../expression/index.ts'
import { largestEigenvalue, matricesIn, wide } from './matrices.ts'
import { roomOf, singularVectors } from './singular.ts'

/** Makes an array of a tensor out of arrays: of that tensor, of others, or of one number. */
type Run<R extends Routine> = (
  routine: R,
  args: readonly Float64Array[],
  tensor: Tensor,
  /** Of an argument. */
  of: (arg: number) => Tensor,
) => Float64Array

const table: { readonly [N in Routine['name']]: Run<Extract<Routine, { name: N }>> } = {
  normal(_routine, [key0, key1], tensor) {
    const out = new Float64Array(lengthOf(everywhere, tensor))
    for (let i = 0; i < out.length; i++) out[i] = normal(key0?.[0] ?? 0, key1?.[0] ?? 0, i)
    return out
  },
  newton_schulz(routine, [x = none, eps = none, ...numbers], tensor) {
    const out = new Float64Array(x.length)
    const { starts, rows, columns } = wide(matricesIn(tensor, routine.rows, routine.columns))
    const at = [...rows].flatMap((row) => Array.from(columns, (column) => row + column))
    const coefficients = numbers.map((number) => number[0] ?? 0)
    for (const start of starts) {
      const matrix = Float64Array.from(at, (i) => x[start + i] ?? 0)
      const made = orthogonal(matrix, rows.length, routine, eps[0] ?? 0, coefficients)
      at.forEach((i, k) => {
        out[start + i] = made[k] ?? 0
      })
    }
    return out
  },
  singular_vectors(routine, [x = none, due = none], tensor, of) {
    const out = new Float64Array(lengthOf(everywhere, tensor))
    if (due[0] === 0) return out
    const { rows, columns } = matricesIn(of(0), routine.rows, routine.columns)
    const count = out.length / rows.length
    const room = new Float64Array(roomOf(columns.length, rows.length, count))
    columns.forEach((column, j) => {
      rows.forEach((row, i) => {
        room[j * rows.length + i] = x[row + column] ?? 0
      })
    })
    const found = singularVectors(room, columns.length, rows.length, count)
    return out.map((_, i) => found[(i % count) * rows.length + Math.floor(i / count)] ?? 0)
  },
  product(routine, [x = none, y = none], tensor, of) {
    const left = matricesIn(of(0), routine.left.rows, routine.left.columns)
    const right = matricesIn(of(1), routine.right.rows, routine.right.columns)
    const result = matricesIn(tensor, routine.result.rows, routine.result.columns)
    const out = new Float64Array(lengthOf(everywhere, tensor))
    result.rows.forEach((row, i) => {
      result.columns.forEach((column, j) => {
        let sum = 0
        left.columns.forEach((inner, k) => {
          sum +=
            (x[(left.rows[i] ?? 0) + inner] ?? 0) * (y[(right.rows[k] ?? 0) + (right.columns[j] ?? 0)] ?? 0)
        })
        out[row + column] = sum
      })
    })
    return out
  },
}

const none = new Float64Array()

/** The routines in float64, as plainly as they can be. */
export const runRoutine = <R extends Routine>(
  ...[routine, args, tensor, of]: Parameters<Run<R>>
): Float64Array => (table[routine.name] as unknown as Run<R>)(routine, args, tensor, of)

/** a · X + (b · A + c · A²) · X with A = X · Xᵀ, some times; X has no more rows than columns. */
function orthogonal(
  given: Float64Array,
  rows: number,
  { steps, preconditioning }: NewtonSchulz,
  eps: number,
  coefficients: readonly number[],
): Float64Array {
  let x = given
  if (preconditioning === 'frobenius') x = scaled(x, 1 / (norm(x) + eps))
  if (preconditioning === 'spectral')
    x = scaled(x, 1 / (Math.sqrt(largestEigenvalue(gram(x, rows), rows, rows)) + eps))
  for (let step = 0; step < steps; step++) {
    const own = coefficients.length > 3 ? 3 * step : 0
    const [a = 0, b = 0, c = 0] = coefficients.slice(own, own + 3)
    let squares = gram(x, rows)
    if (step === 0) {
      const s = firstScale(squares, rows, preconditioning)
      const length = x.length / rows
      x = x.map((value, i) => value * (s[Math.floor(i / length)] ?? 1))
      squares = squares.map((value, i) => value * (s[Math.floor(i / rows)] ?? 1) * (s[i % rows] ?? 1))
    }
    const fourth = product(squares, squares, rows)
    const both = squares.map((value, i) => b * value + c * (fourth[i] ?? 0))
    const turned = product(both, x, rows)
    x = x.map((value, i) => a * value + (turned[i] ?? 0))
  }
  return x
}

/** What the rows of X are multiplied by in the first step, out of X · Xᵀ. */
export function firstScale(
  squares: Float32Array | Float64Array,
  rows: number,
  preconditioning: NewtonSchulz['preconditioning'],
  stride = rows,
): Float64Array {
  const least = 1e-8
  const line = (i: number) => squares.subarray(i * stride, i * stride + rows)
  const over = (values: Float32Array | Float64Array, f: (x: number) => number) => {
    let sum = 0
    for (const value of values) sum += f(value)
    return sum
  }
  const scales = new Float64Array(rows).fill(1)
  if (preconditioning === 'aol')
    return scales.map((_, i) => 1 / Math.sqrt(Math.max(least, over(line(i), Math.abs))))
  if (preconditioning !== 'schatten') return scales
  const sum = scales.reduce((so, _, i) => so + over(line(i), (x) => x * x), 0)
  return scales.fill(1 / Math.sqrt(Math.max(least, Math.sqrt(sum))))
}

const norm = (x: Float64Array) => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0))
const scaled = (x: Float64Array, by: number) => x.map((value) => value * by)

/** X · Xᵀ. */
function gram(x: Float64Array, rows: number): Float64Array {
  const length = x.length / rows
  const out = new Float64Array(rows * rows)
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < rows; j++) {
      let sum = 0
      for (let k = 0; k < length; k++) sum += (x[i * length + k] ?? 0) * (x[j * length + k] ?? 0)
      out[i * rows + j] = sum
    }
  return out
}

/** A · B for a square A. */
function product(a: Float64Array, b: Float64Array, rows: number): Float64Array {
  const length = b.length / rows
  const out = new Float64Array(b.length)
  for (let i = 0; i < rows; i++)
    for (let k = 0; k < rows; k++) {
      const factor = a[i * rows + k] ?? 0
      for (let j = 0; j < length; j++)
        out[i * length + j] = (out[i * length + j] ?? 0) + factor * (b[k * length + j] ?? 0)
    }
  return out
}
