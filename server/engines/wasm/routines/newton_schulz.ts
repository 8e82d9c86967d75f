import type { NewtonSchulz, Tensor } from '../../../expression/index.ts'
import { largestEigenvalue, matricesIn, wide } from '../../matrices.ts'
import { firstScale } from '../../routines.ts'
import { type Bench, noted, type RunRoutine, split } from './bench.ts'
import { tile, writeCopy, writeMultiply } from './matrix.ts'

const [copyBytes, multiplyBytes] = [writeCopy(), writeMultiply()]

/** How an array holds a matrix: where it is, and tables of how far from there rows and columns are. */
interface Held {
  readonly at: number
  readonly rows: number
  readonly columns: number
}

/** Matrices of float32 whose sizes are divisible by those of a tile: what is beyond the true ones is 0. */
class Workshop {
  readonly #bench: Bench
  readonly rows: number
  readonly columns: number
  readonly #tables = new Map<string, number>()
  readonly #panels: number

  constructor(bench: Bench, rows: number, columns: number) {
    this.#bench = bench
    this.rows = padded(rows)
    this.columns = padded(columns)
    this.#panels = this.matrix(this.rows, this.columns)
  }

  matrix(rows: number, columns: number): number {
    const at = this.#bench.take(4 * rows * columns)
    this.floats(at, rows * columns).fill(0)
    return at
  }

  floats(at: number, length: number): Float32Array {
    return new Float32Array(this.#bench.memory.buffer, at, length)
  }

  /** A table that is needed more than once. */
  #table(name: string, length: number, offset: (i: number) => number): number {
    const key = `${name} ${length}`
    const known =
      this.#tables.get(key) ??
      noted(
        this.#bench,
        Array.from({ length }, (_, i) => offset(i)),
      )
    this.#tables.set(key, known)
    return known
  }

  steps(length: number, stride: number): number {
    return this.#table(`steps of ${stride}`, length, (i) => i * stride)
  }

  #panelColumns(length: number, inner: number): number {
    const { columns } = tile
    return this.#table(
      `panels of ${inner}`,
      length,
      (j) => Math.floor(j / columns) * columns * inner + (j % columns),
    )
  }

  /** Copy `rows` × `columns` numbers, times a scale. Gives the sum of the squares of what was there. */
  async copy(from: Held, to: Held, rows: number, columns: number, scale: number): Promise<number> {
    const words = [columns, from.at, from.rows, from.columns, to.at, to.rows, to.columns]
    const block = noted(this.#bench, [...words, bitsOf(scale)])
    const each = Math.max(1, Math.floor(16384 / columns))
    const sums = this.#bench.take(8 * Math.ceil(rows / each))
    const tasks = split(block, rows, each, sums, 8)
    await this.#bench.run(this.#bench.compile(copyBytes), tasks, 4 * rows * columns)
    return new Float64Array(this.#bench.memory.buffer, sums, tasks.length).reduce((a, b) => a + b, 0)
  }

  /** C = alpha · A · B + beta · D, with B of `inner` × `columns` read through tables. */
  async multiply(
    a: number,
    b: Held,
    c: number,
    [inner, columns]: readonly [number, number],
    [alpha, beta, d]: readonly [number, number, number],
  ): Promise<void> {
    const panels = {
      at: this.#panels,
      rows: this.steps(inner, tile.columns),
      columns: this.#panelColumns(columns, inner),
    }
    await this.copy(b, panels, inner, columns, 1)
    const block = noted(this.#bench, [inner, columns, a, this.#panels, c, d, bitsOf(alpha), bitsOf(beta)])
    const work = (this.rows * inner * columns) / 32
    await this.#bench.run(this.#bench.compile(multiplyBytes), split(block, this.rows, 8 * tile.rows), work)
  }
}

const padded = (size: number) => Math.ceil(size / tile.columns) * tile.columns
const bitsOf = (x: number) => new Uint32Array(Float32Array.of(x).buffer)[0] ?? 0

/** Two copies of X, one in panels, A and B; tables of where their rows and columns are. */
export function newtonSchulzBytes({ rows, columns }: NewtonSchulz, { shape }: Tensor): number {
  const size = (axes: readonly number[]) => padded(axes.reduce((n, axis) => n * (shape[axis] ?? 1), 1))
  const [short, long] = [Math.min(size(rows), size(columns)), Math.max(size(rows), size(columns))]
  return 4 * (3 * short * long + 2 * short ** 2 + 16 * (short + long))
}

export const newtonSchulz: RunRoutine<NewtonSchulz> = async (bench, routine, args, to, tensor) => {
  const [from = 0, eps = 0, ...coefficients] = args
  const { starts, rows, columns } = wide(matricesIn(tensor, routine.rows, routine.columns))
  const shop = new Workshop(bench, rows.length, columns.length)
  const [x0, x1] = [shop.matrix(shop.rows, shop.columns), shop.matrix(shop.rows, shop.columns)]
  const [a, b] = [shop.matrix(shop.rows, shop.rows), shop.matrix(shop.rows, shop.rows)]
  const tables = { rows: noted(bench, [...rows]), columns: noted(bench, [...columns]) }
  const rowMajor = { rows: shop.steps(shop.rows, shop.columns), columns: shop.steps(shop.columns, 1) }
  const transposed = { rows: rowMajor.columns, columns: rowMajor.rows }
  const square = { rows: shop.steps(shop.rows, shop.rows), columns: shop.steps(shop.rows, 1) }
  /** A = X · Xᵀ. */
  const gram = (x: number) =>
    shop.multiply(x, { at: x, ...transposed }, a, [shop.columns, shop.rows], [1, 0, a])

  for (const start of starts) {
    // What is not finite in the matrix before must not reach this one.
    for (const [at, size] of [
      [x0, shop.rows * shop.columns],
      [a, shop.rows ** 2],
    ] as const)
      shop.floats(at, size).fill(0)
    const source = { at: from + 4 * start, ...tables }
    const copyIn = (scale: number) =>
      shop.copy(source, { at: x0, ...rowMajor }, rows.length, columns.length, scale)
    const norm = Math.sqrt(await copyIn(1))
    if (routine.preconditioning === 'frobenius') await copyIn(1 / (norm + eps))
    if (routine.preconditioning === 'spectral' && norm > 0) {
      await copyIn(1 / norm)
      await gram(x0)
      const size = rows.length
      const largest = largestEigenvalue(shop.floats(a, shop.rows * shop.rows), size, shop.rows)
      await copyIn(1 / (norm * Math.sqrt(largest) + eps))
    }
    let [x, next] = [x0, x1]
    for (let step = 0; step < routine.steps; step++) {
      const own = coefficients.length > 3 ? 3 * step : 0
      const [first = 0, second = 0, third = 0] = coefficients.slice(own, own + 3)
      await gram(x)
      if (step === 0) rescale(shop, x, a, rows.length, routine)
      await shop.multiply(a, { at: a, ...square }, b, [shop.rows, shop.rows], [third, second, a])
      await shop.multiply(b, { at: x, ...rowMajor }, next, [shop.rows, shop.columns], [1, first, x])
      ;[x, next] = [next, x]
    }
    await shop.copy({ at: x, ...rowMajor }, { at: to + 4 * start, ...tables }, rows.length, columns.length, 1)
  }
}

/** Multiply the rows of X, and A to match, as the preconditioning wants it. */
function rescale(
  shop: Workshop,
  x: number,
  a: number,
  rows: number,
  { preconditioning }: NewtonSchulz,
): void {
  if (preconditioning === 'frobenius' || preconditioning === 'spectral') return
  const squares = shop.floats(a, shop.rows * shop.rows)
  const scales = firstScale(squares, rows, preconditioning, shop.rows)
  const values = shop.floats(x, shop.rows * shop.columns)
  scales.forEach((scale, i) => {
    for (let j = i * shop.columns; j < (i + 1) * shop.columns; j++) values[j] = (values[j] ?? 0) * scale
    for (let j = 0; j < rows; j++)
      squares[i * shop.rows + j] = (squares[i * shop.rows + j] ?? 0) * scale * (scales[j] ?? 1)
  })
}
