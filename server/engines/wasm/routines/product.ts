import type { Matrix, Product, Tensor } from '../../../expression/index.ts'
import { matricesIn } from '../../matrices.ts'
import { type Bench, noted, type RunRoutine } from './bench.ts'
import { type Held, padded, Workshop } from './workshop.ts'

/** Both factors and the result; tables of where their rows and columns are. */
export function productBytes({ result }: Product, tensor: Tensor, of: (arg: number) => Tensor): number {
  const [rows, columns] = [padded(sizeIn(tensor, result.rows)), padded(sizeIn(tensor, result.columns))]
  const inner = padded(sizeIn(of(0)) / sizeIn(tensor, result.rows))
  return 4 * (rows * inner + inner * columns + rows * columns + 16 * (rows + inner + columns))
}

export const product: RunRoutine<Product> = async (bench, routine, [x = 0, y = 0], to, tensor, of) => {
  const left = held(bench, x, of(0), routine.left)
  const right = held(bench, y, of(1), routine.right)
  const result = held(bench, to, tensor, routine.result)
  const [rows, inner, columns] = [left.size[0], left.size[1], right.size[1]].map(padded)
  if (rows === undefined || inner === undefined || columns === undefined) return
  const shop = new Workshop(bench, inner, columns)
  const [a, c] = [shop.matrix(rows, inner), shop.matrix(rows, columns)]
  await shop.copy(
    left,
    { at: a, rows: shop.steps(rows, inner), columns: shop.steps(inner, 1) },
    ...left.size,
    1,
  )
  await shop.multiply(a, right, c, [rows, inner, columns], [1, 0, c])
  const made = { at: c, rows: shop.steps(rows, columns), columns: shop.steps(columns, 1) }
  await shop.copy(made, result, ...result.size, 1)
}

interface Sized extends Held {
  readonly size: readonly [rows: number, columns: number]
}

function held(bench: Bench, at: number, tensor: Tensor, matrix: Matrix): Sized {
  const { rows, columns } = matricesIn(tensor, matrix.rows, matrix.columns)
  return {
    at,
    rows: noted(bench, [...rows]),
    columns: noted(bench, [...columns]),
    size: [rows.length, columns.length],
  }
}

/** Number of elements along some axes, or along all. */
const sizeIn = ({ shape }: Tensor, axes: readonly number[] = shape.map((_, axis) => axis)): number =>
  axes.reduce((n, axis) => n * (shape[axis] ?? 1), 1)
