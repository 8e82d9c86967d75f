import { normalize, orthogonalize } from './orthogonal.ts'

/**
 * The eigenvectors of the largest eigenvalues of a symmetric matrix, in descending order, each of length 1: a row each.
 * By Householder reflections to a tridiagonal matrix, its eigenvalues by bisection, its vectors by inverse iteration.
 *
 * @param a row by row; only what is on and below the diagonal is read, and all of it is overwritten
 * @param vectors as many as are wanted
 * @see Golub and Van Loan, Matrix Computations, 8.3 and 8.4
 */
export function eigenvectors(a: Float64Array, size: number, vectors: Float64Array): void {
  const { diagonal, beside, scales } = reduce(a, size)
  inverseIteration(diagonal, beside, largest(diagonal, beside, vectors.length / size), vectors)
  reflectBack(vectors, a, scales)
}

interface Tridiagonal {
  readonly diagonal: Float64Array
  /** Next to the diagonal; one less than there are rows, then a 0. */
  readonly beside: Float64Array
  /** Of the reflection I − s · v · vᵀ of each column; v is left in the row of that number, behind the diagonal. */
  readonly scales: Float64Array
}

/** Each reflection's effect on the matrix is applied while the next one's product with it is formed: one pass a column. */
function reduce(a: Float64Array, size: number): Tridiagonal {
  const [diagonal, beside, scales] = [new Float64Array(size), new Float64Array(size), new Float64Array(size)]
  // The reflection before, and what it takes from the matrix: A − v · wᵀ − w · vᵀ.
  const [v, w] = [new Float64Array(size), new Float64Array(size)]
  const [next, product] = [new Float64Array(size), new Float64Array(size)]
  for (let k = 0; k < size; k++) {
    const [vk, wk] = [v[k] ?? 0, w[k] ?? 0]
    diagonal[k] = (a[k * size + k] ?? 0) - 2 * vk * wk
    let below = 0
    for (let i = k + 1; i < size; i++) {
      const x = (a[i * size + k] ?? 0) - (v[i] ?? 0) * wk - (w[i] ?? 0) * vk
      next[i] = x
      if (i > k + 1) below += x * x
    }
    const first = next[k + 1] ?? 0
    let scale = 0
    if (below > 0) {
      const norm = Math.sqrt(first * first + below)
      const head = first + (first < 0 ? -norm : norm)
      scale = (head * head * 2) / (head * head + below)
      for (let i = k + 2; i < size; i++) next[i] = (next[i] ?? 0) / head
      beside[k] = first < 0 ? norm : -norm
    } else if (k + 1 < size) beside[k] = first
    if (k + 1 < size) next[k + 1] = 1
    scales[k] = scale
    a.set(next.subarray(k + 1), k * size + k + 1)
    multiply(a, size, k + 1, { v, w, next, product })
    let along = 0
    for (let i = k + 1; i < size; i++) along += (product[i] ?? 0) * (next[i] ?? 0)
    const half = (scale * scale * along) / 2
    for (let i = k + 1; i < size; i++) {
      v[i] = next[i] ?? 0
      w[i] = scale * (product[i] ?? 0) - half * (next[i] ?? 0)
    }
  }
  return { diagonal, beside, scales }
}

interface Reflections {
  readonly v: Float64Array
  readonly w: Float64Array
  readonly next: Float64Array
  readonly product: Float64Array
}

/** A ← A − v · wᵀ − w · vᵀ and product ← A · next, of rows and columns from `from` on. */
function multiply(a: Float64Array, size: number, from: number, { v, w, next, product }: Reflections): void {
  product.fill(0, from)
  for (let i = from; i < size; i++) {
    const [vi, wi, ni] = [v[i] ?? 0, w[i] ?? 0, next[i] ?? 0]
    const row = i * size
    let sum = 0
    for (let j = from; j < i; j++) {
      const x = (a[row + j] ?? 0) - vi * (w[j] ?? 0) - wi * (v[j] ?? 0)
      a[row + j] = x
      sum += x * (next[j] ?? 0)
      product[j] = (product[j] ?? 0) + x * ni
    }
    const x = (a[row + i] ?? 0) - 2 * vi * wi
    a[row + i] = x
    product[i] = sum + x * ni
  }
}

/** The largest eigenvalues in descending order: each between bounds that are halved until they are all but equal. */
function largest(diagonal: Float64Array, beside: Float64Array, count: number): Float64Array {
  const size = diagonal.length
  let bound = 0
  for (let i = 0; i < size; i++) {
    const reach = Math.abs(beside[i] ?? 0) + Math.abs(beside[i - 1] ?? 0)
    bound = Math.max(bound, Math.abs(diagonal[i] ?? 0) + reach)
  }
  const values = new Float64Array(count)
  let above = bound
  for (let k = 0; k < count; k++) {
    let [low, high] = [-bound, above]
    while (high - low > bound * epsilon) {
      const middle = low + (high - low) / 2
      if (atLeast(diagonal, beside, middle, bound * epsilon ** 2) > k) low = middle
      else high = middle
    }
    values[k] = low
    above = high
  }
  return values
}

/** How many eigenvalues are at least x: as many as pivots of T − x · I are positive. */
function atLeast(diagonal: Float64Array, beside: Float64Array, x: number, least: number): number {
  let [count, pivot, before] = [0, 1, 0]
  for (let i = 0; i < diagonal.length; i++) {
    pivot = (diagonal[i] ?? 0) - x - (before * before) / pivot
    if (Math.abs(pivot) < least) pivot = -least
    if (pivot > 0) count++
    before = beside[i] ?? 0
  }
  return count
}

/**
 * Vectors of a tridiagonal matrix: a few solutions of (T − λ · I) · y = x, each from the one before, and each kept
 * orthogonal to the vectors that are there. Equal eigenvalues are moved apart by what rounding leaves open.
 */
function inverseIteration(
  diagonal: Float64Array,
  beside: Float64Array,
  values: Float64Array,
  vectors: Float64Array,
): void {
  const size = diagonal.length
  const bound = Math.max(Math.abs(values[0] ?? 0), Math.abs(values.at(-1) ?? 0)) || 1
  let [seed, above] = [1, Infinity]
  values.forEach((value, k) => {
    above = Math.min(value, above - bound * epsilon)
    const solve = solver(diagonal, beside, above, bound * epsilon)
    const x = vectors.subarray(k * size, (k + 1) * size)
    for (let i = 0; i < size; i++) {
      seed = (Math.imul(seed, 1664525) + 1013904223) | 0
      x[i] = seed / 2 ** 31
    }
    for (let turn = 0; turn < 3; turn++) {
      solve(x)
      normalize(x)
      orthogonalize(vectors, k, size)
      normalize(x)
    }
  })
}

/** Solves (T − value · I) · y = x in place, by elimination with the larger of two rows as pivot. */
function solver(
  diagonal: Float64Array,
  beside: Float64Array,
  value: number,
  least: number,
): (x: Float64Array) => void {
  const size = diagonal.length
  const [u0, u1, u2] = [new Float64Array(size), new Float64Array(size), new Float64Array(size)]
  const [factors, swapped] = [new Float64Array(size), new Uint8Array(size)]
  let [here, right] = [(diagonal[0] ?? 0) - value, beside[0] ?? 0]
  for (let i = 0; i < size; i++) {
    const [below, next, beyond] = [beside[i] ?? 0, (diagonal[i + 1] ?? 0) - value, beside[i + 1] ?? 0]
    if (i + 1 < size && Math.abs(below) > Math.abs(here)) {
      const factor = here / below
      swapped[i] = 1
      factors[i] = factor
      u0[i] = below
      u1[i] = next
      u2[i] = beyond
      here = right - factor * next
      right = -factor * beyond
    } else {
      const pivot = Math.abs(here) < least ? least : here
      const factor = below / pivot
      factors[i] = factor
      u0[i] = pivot
      u1[i] = right
      here = next - factor * right
      right = beyond
    }
  }
  return (x) => {
    for (let i = 0; i + 1 < size; i++) {
      const [top, bottom] = [x[i] ?? 0, x[i + 1] ?? 0]
      x[i] = swapped[i] === 1 ? bottom : top
      x[i + 1] = swapped[i] === 1 ? top - (factors[i] ?? 0) * bottom : bottom - (factors[i] ?? 0) * top
    }
    let [second, third] = [0, 0]
    for (let i = size - 1; i >= 0; i--) {
      const y = ((x[i] ?? 0) - (u1[i] ?? 0) * second - (u2[i] ?? 0) * third) / (u0[i] ?? 1)
      x[i] = y
      third = second
      second = y
    }
  }
}

/** Vectors of the tridiagonal matrix as vectors of the one that it was made of. */
function reflectBack(vectors: Float64Array, a: Float64Array, scales: Float64Array): void {
  const size = scales.length
  for (let k = size - 1; k >= 0; k--) {
    const scale = scales[k] ?? 0
    if (scale === 0) continue
    for (let at = 0; at < vectors.length; at += size) {
      let sum = 0
      for (let i = k + 1; i < size; i++) sum += (a[k * size + i] ?? 0) * (vectors[at + i] ?? 0)
      sum *= scale
      for (let i = k + 1; i < size; i++)
        vectors[at + i] = (vectors[at + i] ?? 0) - sum * (a[k * size + i] ?? 0)
    }
  }
}

/** What float64 has no room for. */
const epsilon = 2 ** -52
