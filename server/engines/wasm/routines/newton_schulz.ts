import type { NewtonSchulz, Tensor } from '../../../expression/index.ts'
import { largestEigenvalue, matricesIn, wide } from '../../matrices.ts'
import { firstScale } from '../../routines.ts'
import { noted, type RunRoutine } from './bench.ts'
import { padded, Workshop } from './workshop.ts'

/** Two copies of X, one in panels, A and B; tables of where their rows and columns are. */
export function newtonSchulzBytes({ rows, columns }: NewtonSchulz, { shape }: Tensor): number {
  const size = (axes: readonly number[]) => padded(axes.reduce((n, axis) => n * (shape[axis] ?? 1), 1))
  const [short, long] = [Math.min(size(rows), size(columns)), Math.max(size(rows), size(columns))]
  return 4 * (3 * short * long + 2 * short ** 2 + 16 * (short + long))
}

export const newtonSchulz: RunRoutine<NewtonSchulz> = async (bench, routine, args, to, tensor) => {
  const [from = 0, eps = 0, ...coefficients] = args
  const { starts, rows, columns } = wide(matricesIn(tensor, routine.rows, routine.columns))
  const [short, long] = [padded(rows.length), padded(columns.length)]
  const shop = new Workshop(bench, short, long)
  const [x0, x1] = [shop.matrix(short, long), shop.matrix(short, long)]
  const [a, b] = [shop.matrix(short, short), shop.matrix(short, short)]
  const tables = { rows: noted(bench, [...rows]), columns: noted(bench, [...columns]) }
  const rowMajor = { rows: shop.steps(short, long), columns: shop.steps(long, 1) }
  const transposed = { rows: rowMajor.columns, columns: rowMajor.rows }
  const square = { rows: shop.steps(short, short), columns: shop.steps(short, 1) }
  /** A = X · Xᵀ. */
  const gram = (x: number) => shop.multiply(x, { at: x, ...transposed }, a, [short, long, short], [1, 0, a])

  for (const start of starts) {
    // What is not finite in the matrix before must not reach this one.
    for (const [at, size] of [
      [x0, short * long],
      [a, short ** 2],
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
      const largest = largestEigenvalue(shop.floats(a, short * short), size, short)
      await copyIn(1 / (norm * Math.sqrt(largest) + eps))
    }
    let [x, next] = [x0, x1]
    for (let step = 0; step < routine.steps; step++) {
      const own = coefficients.length > 3 ? 3 * step : 0
      const [first = 0, second = 0, third = 0] = coefficients.slice(own, own + 3)
      await gram(x)
      if (step === 0) rescale(shop.floats(x, short * long), shop.floats(a, short ** 2), rows.length, routine)
      await shop.multiply(a, { at: a, ...square }, b, [short, short, short], [third, second, a])
      await shop.multiply(b, { at: x, ...rowMajor }, next, [short, short, long], [1, first, x])
      ;[x, next] = [next, x]
    }
    await shop.copy({ at: x, ...rowMajor }, { at: to + 4 * start, ...tables }, rows.length, columns.length, 1)
  }
}

/** Multiply the rows of X, and A to match, as the preconditioning wants it. */
function rescale(
  values: Float32Array,
  squares: Float32Array,
  rows: number,
  { preconditioning }: NewtonSchulz,
): void {
  if (preconditioning === 'frobenius' || preconditioning === 'spectral') return
  const short = Math.sqrt(squares.length)
  const long = values.length / short
  const scales = firstScale(squares, rows, preconditioning, short)
  scales.forEach((scale, i) => {
    for (let j = i * long; j < (i + 1) * long; j++) values[j] = (values[j] ?? 0) * scale
    for (let j = 0; j < rows; j++)
      squares[i * short + j] = (squares[i * short + j] ?? 0) * scale * (scales[j] ?? 1)
  })
}
