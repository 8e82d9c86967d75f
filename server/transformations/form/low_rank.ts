import {
  counter,
  type Expr,
  type Matrix,
  Refusal,
  routine,
  select,
  type Tensor,
  zeros,
} from '../../expression/index.ts'
import { type DimensionsOf, matrixIn } from './dimensions.ts'
import type { Link, StateTree } from './link.ts'
import { chosen } from './masking.ts'
import { since } from './periods.ts'
import { at } from './place.ts'
import { absent } from './recorder.ts'
import { madeOf } from './slots.ts'
import { withParameter } from './wrapper.ts'

export interface LowRank {
  readonly of: DimensionsOf | null
  readonly rank: number
  /** Steps from one projector to the next. */
  readonly gap: number
  readonly scale: Expr
}

/**
 * An optimizer of matrices projected onto a few of their singular vectors, and of all other tensors as they are. What
 * it makes of a projected matrix is projected back.
 *
 * @param name under which the projector is kept
 */
export const lowRank = (name: string, base: Link, options: LowRank): Link => {
  const blind = withoutParameters(name, base)
  const others = at('inner', blind)
  return chosen((tensor) => {
    const matrix = wholeMatrix(options.of, tensor)
    return matrix === undefined ? others : projected(name, blind, matrix, options)
  })
}

/** As Optax has it: the parameters are not of the shape of what the optimizer is given. */
const withoutParameters = (name: string, { slots, update }: Link): Link => ({
  slots,
  update(g, state, context) {
    const why = `The base optimizer of ${name} is given no parameters: put what needs them, weight decay for instance, behind ${name}`
    return update(g, state, withParameter(context, absent(context.tensor, why)))
  },
})

/** @throws Refusal where the matrix is not all of the tensor */
function wholeMatrix(of: DimensionsOf | null, tensor: Tensor): Matrix | undefined {
  const matrix = matrixIn(of, tensor)
  if (matrix === undefined) return undefined
  const { rows, columns } = matrix
  if (rows.length + columns.length === tensor.rank) return feasible(matrix, tensor)
  throw new Refusal(
    `The axes ${[...rows, ...columns]} of the tensor ${tensor.name} are not all of its ${tensor.rank}: expected each among rows or columns`,
  )
}

/** Products that it takes to find singular vectors: some minutes of one processor. */
const most = 2 ** 38

/** @throws Refusal where the singular vectors of a matrix would take too long to find */
function feasible(matrix: Matrix, tensor: Tensor): Matrix {
  const [m, n] = sizesOf(matrix, tensor)
  if (Math.min(m, n) * m * n <= most) return matrix
  throw new Refusal(
    `The tensor ${tensor.name} is a matrix of ${m} × ${n}: its singular vectors would take too long to find; say None of it in weight_dimension_numbers`,
  )
}

/** How many rows and columns a tensor has as a matrix. */
function sizesOf({ rows, columns }: Matrix, { shape }: Tensor): readonly [m: number, n: number] {
  const count = (axes: readonly number[]) => axes.reduce((product, axis) => product * (shape[axis] ?? 1), 1)
  return [count(rows), count(columns)]
}

const plain: Matrix = { rows: [0], columns: [1] }
const transposed: Matrix = { rows: [1], columns: [0] }

/** The product of two arrays that are taken as matrices, as an array that is to be taken as one. */
const times = (
  [a, left]: readonly [Expr, Matrix],
  [b, right]: readonly [Expr, Matrix],
  [tensor, result]: readonly [Tensor, Matrix],
): Expr => routine({ name: 'product', left, right, result }, [a, b], tensor)

/** The optimizer on R = Pᵀ · G for G with no more columns than rows, else on G · P. */
function projected(name: string, base: Link, matrix: Matrix, { rank, gap, scale }: LowRank): Link {
  const shapesOf = (tensor: Tensor) => {
    const [m, n] = sizesOf(matrix, tensor)
    const r = Math.min(rank, m, n)
    return m >= n
      ? { tall: true, projector: [m, r], low: [r, n] }
      : { tall: false, projector: [n, r], low: [m, r] }
  }
  return {
    slots(tensor) {
      const { projector, low } = shapesOf(tensor)
      return {
        [name]: { count: counter(), projector: { shape: projector, slots: zeros() } },
        inner: { shape: low, slots: base.slots(madeOf(tensor, low)) },
      }
    },
    update(g, state, context) {
      const { tall, ...shapes } = shapesOf(context.tensor)
      const { count, projector } = state[name] as { readonly [slot in 'count' | 'projector']: Expr }
      const inner = context.make('inner', shapes.low)
      const { tensor: place } = context.at(name).make('projector', shapes.projector)
      const due = since(count, gap).eq(0)
      const { rows, columns } = matrix
      const long = tall ? matrix : { rows: columns, columns: rows }
      const found = routine({ name: 'singular_vectors', ...long }, [g, due], place)
      const p = select(due, found, projector)
      const low = tall
        ? times([p, transposed], [g, matrix], [inner.tensor, plain])
        : times([g, matrix], [p, plain], [inner.tensor, plain])
      const [u, after] = base.update(low, state.inner as StateTree, inner)
      const back = tall
        ? times([p, plain], [u, plain], [context.tensor, matrix])
        : times([u, plain], [p, transposed], [context.tensor, matrix])
      return [back.mul(scale), { [name]: { count: count.add(1), projector: p }, inner: after }]
    },
  }
}
