import { type Bench, noted, split } from './bench.ts'
import { tile, writeCopy, writeMultiply } from './matrix.ts'

const [copyBytes, multiplyBytes] = [writeCopy(), writeMultiply()]

/** How an array holds a matrix: where it is, and tables of how far from there rows and columns are. */
export interface Held {
  readonly at: number
  readonly rows: number
  readonly columns: number
}

/** Matrices of float32 whose sizes are divisible by those of a tile: what is beyond the true ones is 0. */
export class Workshop {
  readonly #bench: Bench
  readonly #tables = new Map<string, number>()
  /** For the second factor of a product, as large as the largest. */
  readonly #panels: number

  constructor(bench: Bench, rows: number, columns: number) {
    this.#bench = bench
    this.#panels = this.matrix(rows, columns)
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

  /** C = alpha · A · B + beta · D. Of B, read through tables, `size` is what there is where that is less. */
  async multiply(
    a: number,
    b: Held & { readonly size?: readonly [rows: number, columns: number] },
    c: number,
    [rows, inner, columns]: readonly [number, number, number],
    [alpha, beta, d]: readonly [number, number, number],
  ): Promise<void> {
    const panels = {
      at: this.#panels,
      rows: this.steps(inner, tile.columns),
      columns: this.#panelColumns(columns, inner),
    }
    await this.copy(b, panels, ...(b.size ?? [inner, columns]), 1)
    const block = noted(this.#bench, [inner, columns, a, this.#panels, c, d, bitsOf(alpha), bitsOf(beta)])
    const work = (rows * inner * columns) / 32
    await this.#bench.run(this.#bench.compile(multiplyBytes), split(block, rows, 8 * tile.rows), work)
  }
}

/** A size that tiles divide. */
export const padded = (size: number) => Math.ceil(size / tile.columns) * tile.columns
const bitsOf = (x: number) => new Uint32Array(Float32Array.of(x).buffer)[0] ?? 0
