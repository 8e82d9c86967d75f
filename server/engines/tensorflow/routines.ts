import { sizeOf } from '../../compiler/plan.ts'
import type { Matrix, NewtonSchulz, Routine, Tensor } from '../../expression/index.ts'
import { narrow } from '../dtypes.ts'
import { largestEigenvalue } from '../matrices.ts'
import { runRoutine as runInFloat64 } from '../routines.ts'
import type { Device, Handle } from './device.ts'

/** An array on the device. */
interface Given {
  readonly handle: Handle
  readonly tensor: Tensor
}

/** A routine on one tensor: arguments are scalars, or arrays. */
type Run<R> = (
  device: Device,
  routine: R,
  args: { readonly numbers: readonly number[]; readonly arrays: readonly Given[] },
  tensor: Tensor,
) => Handle

const table: { readonly [N in Routine['name']]: Run<Extract<Routine, { name: N }>> } = {
  normal(device, routine, { numbers }, tensor) {
    const keys = numbers.map((number) => Float64Array.of(number))
    const drawn = runInFloat64(routine, keys, tensor, () => tensor)
    return device.upload(narrow(drawn, 'F32'), 'F32', tensor.shape)
  },

  newton_schulz(device, routine, { numbers: [eps = 0, ...coefficients], arrays: [given] }, tensor) {
    const { forth, back, size, shape } = arranged(routine, tensor)
    const matrices = device.reshape(transpose(device, handleOf(given), forth), size)
    let x = prepared(device, matrices, routine, eps, size)
    for (let step = 0; step < routine.steps; step++) {
      const own = coefficients.length > 3 ? 3 * step : 0
      const [a, b, c] = coefficients.slice(own, own + 3).map((number) => device.scalar(number))
      if (a === undefined || b === undefined || c === undefined)
        throw new Error(`There are no coefficients for step ${step}`)
      const before = x
      x = device.tidy(() => {
        const [y, squares] =
          step === 0 ? first(device, before, routine, size) : [before, gram(device, before)]
        const fourth = device.multiply(squares, squares)
        const both = device.run('AddV2', [device.run('Mul', [b, squares]), device.run('Mul', [c, fourth])])
        return device.run('AddV2', [device.run('Mul', [a, y]), device.multiply(both, y)])
      })
    }
    return transpose(device, device.reshape(x, shape), back)
  },

  /** On the host, in float64. */
  singular_vectors(device, routine, { numbers: [due = 0], arrays: [given] }, tensor) {
    const of = given?.tensor ?? tensor
    const wide = () => device.download(handleOf(given), 'F64', sizeOf(of))
    const x = due === 0 ? none : new Float64Array(wide().buffer)
    const found = runInFloat64(routine, [x, Float64Array.of(due)], tensor, () => of)
    return device.upload(narrow(found, 'F32'), 'F32', tensor.shape)
  },

  product(device, { left, right, result }, { arrays: [x, y] }, tensor) {
    const made = device.multiply(asMatrix(device, x, left), asMatrix(device, y, right))
    const axes = [...result.rows, ...result.columns]
    const shape = axes.map((axis) => tensor.shape[axis] ?? 1)
    return transpose(device, device.reshape(made, shape), back(axes))
  },
}

const none = new Float64Array()

function handleOf(given: Given | undefined): Handle {
  if (given === undefined) throw new Error('A routine lacks an array')
  return given.handle
}

const transpose = (device: Device, x: Handle, axes: readonly number[]): Handle =>
  device.run('Transpose', [x, device.integers(axes)])

/** An array as one matrix. */
function asMatrix(device: Device, given: Given | undefined, { rows, columns }: Matrix): Handle {
  const { shape = [] } = given?.tensor ?? {}
  const count = (axes: readonly number[]) => axes.reduce((n, axis) => n * (shape[axis] ?? 1), 1)
  return device.reshape(transpose(device, handleOf(given), [...rows, ...columns]), [
    count(rows),
    count(columns),
  ])
}

/** The order of axes that undoes one. */
const back = (axes: readonly number[]): number[] => axes.map((_, axis) => axes.indexOf(axis))

export const runRoutine = <R extends Routine>(
  ...[device, routine, args, tensor]: Parameters<Run<R>>
): Handle => device.tidy(() => (table[routine.name] as unknown as Run<R>)(device, routine, args, tensor))

/** How a tensor becomes matrices with no more rows than columns, and these a tensor again. */
function arranged({ rows, columns }: NewtonSchulz, { shape, rank }: Tensor) {
  const axes = Array.from({ length: rank }, (_, axis) => axis)
  const others = axes.filter((axis) => !rows.includes(axis) && !columns.includes(axis))
  const count = (of: readonly number[]) => of.reduce((n, axis) => n * (shape[axis] ?? 1), 1)
  const [short, long] = count(rows) > count(columns) ? [columns, rows] : [rows, columns]
  const forth = [...others, ...short, ...long]
  return {
    forth,
    back: back(forth),
    size: [count(others), count(short), count(long)] as const,
    shape: forth.map((axis) => shape[axis] ?? 1),
  }
}

type Size = readonly [matrices: number, rows: number, columns: number]

/** X · Xᵀ. */
const gram = (device: Device, x: Handle): Handle => device.multiply(x, x, true)

/** The root of the sum of squares over axes, in float64. */
function norm(device: Device, x: Handle, axes: readonly number[]): Handle {
  const wide = device.cast(x, 'F64')
  return device.run('Sqrt', [device.reduce('Sum', device.run('Mul', [wide, wide]), axes, true)])
}

/** Matrices over a norm and eps. */
function over(device: Device, x: Handle, sizes: Handle, eps: number): Handle {
  const sum = device.run('AddV2', [sizes, device.cast(device.scalar(eps), 'F64')])
  return device.run('Mul', [x, device.cast(device.run('Reciprocal', [sum]), 'F32')])
}

function prepared(
  device: Device,
  x: Handle,
  { preconditioning }: NewtonSchulz,
  eps: number,
  size: Size,
): Handle {
  if (preconditioning === 'frobenius') return over(device, x, norm(device, x, [1, 2]), eps)
  if (preconditioning !== 'spectral') return x
  const [matrices, rows] = size
  const length = rows * rows
  const squares = new Float64Array(device.download(gram(device, x), 'F64', matrices * length).buffer)
  const norms = Float32Array.from({ length: matrices }, (_, k) =>
    Math.sqrt(largestEigenvalue(squares.subarray(k * length, (k + 1) * length), rows, rows)),
  )
  const uploaded = device.upload(new Uint8Array(norms.buffer), 'F32', [matrices, 1, 1])
  return over(device, x, device.cast(uploaded, 'F64'), eps)
}

/** X and X · Xᵀ as the preconditioning wants them in the first step. */
function first(device: Device, x: Handle, { preconditioning }: NewtonSchulz, [matrices, rows]: Size) {
  const squares = gram(device, x)
  if (preconditioning !== 'aol' && preconditioning !== 'schatten') return [x, squares] as const
  const sizes =
    preconditioning === 'aol'
      ? device.reduce('Sum', device.run('Abs', [squares]), [2], true)
      : norm(device, squares, [1, 2])
  const least = device.run('Maximum', [device.cast(sizes, 'F32'), device.scalar(1e-8)])
  const scale = device.run('Rsqrt', [least])
  const across = preconditioning === 'aol' ? device.reshape(scale, [matrices, 1, rows]) : scale
  return [
    device.run('Mul', [x, scale]),
    device.run('Mul', [device.run('Mul', [squares, scale]), across]),
  ] as const
}
