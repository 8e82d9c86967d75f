import {
  axes,
  axesIn,
  type Expr,
  firstMatch,
  leaf,
  type Matrix,
  type Option,
  Refusal,
  refusePatterns,
  type Setting,
  type Tensor,
} from '../../expression/index.ts'
import type { Link } from './link.ts'

/** Which axes of a tensor are a matrix's rows, summed over in a product x · W, and which its columns. */
interface Dimensions {
  readonly reduction: readonly number[]
  readonly output: readonly number[]
}

/** Of a tensor, where something is said of it; null where it is said to be no matrix. */
export type DimensionsOf = (tensor: Tensor) => Dimensions | null

type Pair = readonly [Setting, Setting]

const isPair = (s: Setting): s is Pair =>
  Array.isArray(s) && s.length === 2 && s.every((x) => axes().refuse(x) === undefined)

/**
 * Dimension numbers for all tensors, or for those that match a pattern; None for all that are matrices as they are.
 *
 * @param call what Optax calls them
 */
export function dimensions(
  call: 'MuonDimensionNumbers' | 'GaLoreDimensionNumbers',
): Option<DimensionsOf | null> {
  const wanted = `expected ${call}(reduction_axis, output_axis), or a mapping of patterns to such or None`
  return {
    type: 'dimension numbers | None',
    takes: 'dimensions',
    fallback: null,
    refuse(s) {
      if (s === null || isPair(s)) return undefined
      if (!(s instanceof Map)) return wanted
      return [...s.values()].every((x) => x === null || isPair(x)) ? refusePatterns([...s.keys()]) : wanted
    },
    bind(s, binder) {
      if (s === null) return null
      const read = (x: Setting): Dimensions | null => {
        if (!isPair(x)) return null
        return { reduction: axes().bind(x[0], binder), output: axes().bind(x[1], binder) }
      }
      if (!(s instanceof Map)) return () => read(s)
      const entries = new Map([...s].map(([pattern, x]) => [pattern, { is: read(x) }]))
      return (tensor) => firstMatch(entries, tensor, binder.path).is
    },
    lift: (given) => given as DimensionsOf | null,
  }
}

/** The axes of a tensor that are rows and columns, counted from the first; none where it is no matrix. */
export function matrixIn(of: DimensionsOf | null, tensor: Tensor): Matrix | undefined {
  if (tensor.rank < 2) return undefined
  const said = of === null ? (tensor.rank === 2 ? { reduction: [0], output: [1] } : null) : of(tensor)
  if (said === null) return undefined
  const [rows, columns] = [axesIn(said.reduction, tensor), axesIn(said.output, tensor)]
  axesIn([...rows, ...columns], tensor)
  return { rows, columns }
}

/** @throws Refusal where nothing says what the matrices of a tensor are */
export function matrixOf(of: DimensionsOf | null, tensor: Tensor): Matrix {
  const matrix = matrixIn(of, tensor)
  if (matrix !== undefined) return matrix
  throw new Refusal(
    `The tensor ${tensor.name} of rank ${tensor.rank} is no matrix: mask it out, or give dimension numbers`,
  )
}

/** A link that multiplies by a root of how long rows and columns are: the wider a matrix, the larger its update. */
export const scaledByShape = (of: DimensionsOf | null, consistentRms: Expr | null): Link => ({
  slots: () => ({}),
  update(g, _state, { tensor }) {
    const { rows, columns } = matrixOf(of, tensor)
    const count = (axes: readonly number[]) => leaf({ op: 'count', axes }, 'tensor', tensor.rank)
    const [fanIn, fanOut] = [count(rows), count(columns)]
    if (consistentRms === null) return [g.mul(fanOut.div(fanIn).max(1).sqrt()), {}]
    return [g.mul(fanIn.max(fanOut).sqrt().mul(consistentRms)), {}]
  },
})
