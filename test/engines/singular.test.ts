import assert from 'node:assert/strict'
import { test } from 'node:test'
import { roomOf, singularVectors } from '../../server/engines/singular.ts'
import { seeded } from '../chains/random.ts'

// What singular vectors are, held against the matrix itself: no decomposition of another library is needed for it.

interface Matrix {
  readonly rows: number
  readonly columns: number
  readonly values: Float64Array
}

const matrix = (rows: number, columns: number, at: (i: number, j: number) => number): Matrix => ({
  rows,
  columns,
  values: Float64Array.from({ length: rows * columns }, (_, k) => at(Math.floor(k / columns), k % columns)),
})

function drawn(seed: number, rows: number, columns: number): Matrix {
  const random = seeded(seed)
  return matrix(rows, columns, () => (random(2 ** 30) - 2 ** 29) / 2 ** 28)
}

function found({ rows, columns, values }: Matrix, count = rows): Float64Array[] {
  const room = new Float64Array(roomOf(rows, columns, count))
  room.set(values)
  const all = singularVectors(room, rows, columns, count)
  return Array.from({ length: count }, (_, k) => all.slice(k * columns, (k + 1) * columns))
}

const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0)

/** X · v. */
const times = ({ rows, columns, values }: Matrix, v: Float64Array) =>
  Float64Array.from({ length: rows }, (_, i) => dot(values.subarray(i * columns, (i + 1) * columns), v))

/** Xᵀ · u. */
const transposed = ({ rows, columns, values }: Matrix, u: Float64Array) =>
  Float64Array.from({ length: columns }, (_, j) =>
    Array.from({ length: rows }, (_, i) => (values[i * columns + j] ?? 0) * (u[i] ?? 0)).reduce(
      (a, b) => a + b,
      0,
    ),
  )

/** What makes vectors singular vectors: length 1, orthogonal, σ² · v = Xᵀ · X · v, σ falling; and the sign. */
function check(x: Matrix, vectors: readonly Float64Array[], tolerance = 1e-13): number[] {
  const sizes = vectors.map((v) => Math.hypot(...times(x, v)))
  const largest = Math.max(sizes[0] ?? 0, Number.MIN_VALUE)
  vectors.forEach((v, k) => {
    vectors.forEach((other, l) => {
      const off = Math.abs(dot(v, other) - (k === l ? 1 : 0))
      assert.ok(off <= tolerance, `vectors ${k} and ${l}: their product is off by ${off}`)
    })
    const size = sizes[k] ?? 0
    const again = transposed(x, times(x, v))
    const off = Math.hypot(...again.map((y, i) => y - size * size * (v[i] ?? 0)))
    assert.ok(off <= tolerance * largest * largest, `vector ${k}: XᵀX·v is off by ${off / largest ** 2}`)
    const rise = size - (sizes[k - 1] ?? largest)
    assert.ok(rise <= tolerance * largest, `singular value ${k} is larger than the one before, by ${rise}`)
    const farthest = Math.max(...v.map(Math.abs))
    const first = v.find((value) => Math.abs(value) > farthest * 0.999999) ?? 0
    assert.ok(first > 0, `vector ${k} has ${first} farthest from 0`)
  })
  return sizes
}

for (const [rows, columns] of [
  [1, 1],
  [1, 9],
  [2, 2],
  [2, 5],
  [3, 7],
  [16, 16],
  [33, 67],
  [64, 200],
] as const)
  test(`a matrix of ${rows} × ${columns}: all singular vectors, and none is left out`, () => {
    const x = drawn(rows * 1000 + columns, rows, columns)
    const sizes = check(x, found(x))
    const all = x.values.reduce((sum, value) => sum + value * value, 0)
    const squares = sizes.reduce((sum, size) => sum + size * size, 0)
    assert.ok(Math.abs(squares - all) <= 1e-12 * all)
  })

test('the first of them are those of the largest singular values', () => {
  const x = drawn(5, 20, 31)
  const all = found(x)
  found(x, 3).forEach((v, k) => {
    const off = Math.hypot(...v.map((value, i) => value - (all[k]?.[i] ?? 0)))
    assert.ok(off <= 1e-12, `vector ${k} is off by ${off}`)
  })
})

test('vectors of a diagonal matrix are axes', () => {
  const sizes = [3, 0.5, 7, 1e-3, 2]
  const x = matrix(5, 8, (i, j) => (i === j ? (sizes[i] ?? 0) * (i % 2 === 0 ? 1 : -1) : 0))
  const order = found(x).map((v) => v.findIndex((value) => value > 0.999999))
  assert.deepEqual(order, [2, 0, 4, 1, 3])
})

test('equal singular values: any orthogonal vectors, all of them', () => {
  const identity = matrix(12, 12, (i, j) => (i === j ? 1 : 0))
  check(identity, found(identity))
  const plusMinus = matrix(8, 8, (i, j) =>
    ((i & j).toString(2).match(/1/g)?.length ?? 0) % 2 === 0 ? 1 : -1,
  )
  check(plusMinus, found(plusMinus))
  const pairs = matrix(6, 10, (i, j) => (i === j ? 1 + Math.floor(i / 2) : 0))
  check(pairs, found(pairs))
})

test('where singular values are 0 the vectors are completed', () => {
  const zero = matrix(3, 5, () => 0)
  assert.deepEqual(
    found(zero).map((v) => [...v]),
    [
      [1, 0, 0, 0, 0],
      [0, 1, 0, 0, 0],
      [0, 0, 1, 0, 0],
    ],
  )
  const outer = matrix(6, 9, (i, j) => (i + 1) * (j - 3))
  const [, second = 1] = check(outer, found(outer))
  assert.ok(second <= 1e-13)
  const [a, b] = [drawn(1, 20, 2), drawn(2, 2, 30)]
  const two = matrix(
    20,
    30,
    (i, j) =>
      (a.values[2 * i] ?? 0) * (b.values[j] ?? 0) + (a.values[2 * i + 1] ?? 0) * (b.values[30 + j] ?? 0),
  )
  check(two, found(two))
})

test('singular values of many magnitudes', () => {
  const [left, right] = [found(drawn(3, 10, 10)), found(drawn(4, 10, 14))]
  const x = matrix(10, 14, (i, j) =>
    left.reduce((sum, u, k) => sum + (u[i] ?? 0) * 10 ** (-k / 2) * (right[k]?.[j] ?? 0), 0),
  )
  found(x).forEach((v, k) => {
    const off = Math.hypot(...v.map((value, i) => value - (right[k]?.[i] ?? 0)))
    // Squares are what is computed with: those of small singular values are among the roundings of large ones.
    assert.ok(off <= 1e-14 * 10 ** k, `vector ${k}, of ${10 ** (-k / 2)}, is off by ${off}`)
  })
})

test('numbers near the ends of float64', () => {
  const x = drawn(6, 7, 11)
  const vectors = found(x).map((v) => [...v])
  for (const scale of [2 ** 1000, 2 ** -1000]) {
    const scaled = { ...x, values: x.values.map((value) => value * scale) }
    assert.deepEqual(
      found(scaled).map((v) => [...v]),
      vectors,
    )
  }
})

test('what is not finite gives NaN, and an end', () => {
  for (const odd of [Number.NaN, Infinity, -Infinity]) {
    const x = drawn(7, 4, 6)
    x.values[5] = odd
    assert.ok(found(x, 2).every((v) => v.every(Number.isNaN)))
  }
})
