import type { Combine, Expr, Tensor } from '../expression/index.ts'
import { combine, neutral } from './float64.ts'

/** Over what a value of a tensor varies. */
export type Varies = Pick<Expr, 'extent' | 'kept'>

/** What varies over every axis. */
export const everywhere: Varies = { extent: 'element', kept: [] }

/** Axes over which a value varies, in order. */
export function axesOf({ extent, kept }: Varies, { rank }: Pick<Tensor, 'rank'>): readonly number[] {
  if (extent === 'element') return Array.from({ length: rank }, (_, axis) => axis)
  return extent === 'axes' ? kept : []
}

/** How many numbers a value is. */
export const lengthOf = (x: Varies, tensor: Tensor): number =>
  axesOf(x, tensor).reduce((n, axis) => n * (tensor.shape[axis] ?? 1), 1)

/** Whether axes are the leading ones of others: each number is repeated. */
const isPrefix = (own: readonly number[], all: readonly number[]) => own.every((axis, k) => axis === all[k])
/** Whether axes are the trailing ones of others: all numbers are repeated in turn. */
const isSuffix = (own: readonly number[], all: readonly number[]) =>
  own.every((axis, k) => axis === all[all.length - own.length + k])

/** Where in a value the number stands that belongs to number i of one that varies over more axes. */
function indexer(from: Varies, to: Varies, tensor: Tensor): (i: number) => number {
  const length = lengthOf(from, tensor)
  if (length === 1) return () => 0
  const [own, all] = [axesOf(from, tensor), axesOf(to, tensor)]
  if (own.length === all.length) return (i) => i
  if (isPrefix(own, all)) {
    const repeat = lengthOf(to, tensor) / length
    return (i) => Math.floor(i / repeat)
  }
  if (isSuffix(own, all)) return (i) => i % length
  return (i) => {
    let [rest, at, stride] = [i, 0, 1]
    for (const axis of [...all].reverse()) {
      const extent = tensor.shape[axis] ?? 1
      if (own.includes(axis)) {
        at += (rest % extent) * stride
        stride *= extent
      }
      rest = Math.floor(rest / extent)
    }
    return at
  }
}

/** Join the numbers of a value along the axes that the result does not keep. */
export function reduced(
  values: Float64Array,
  from: Varies,
  to: Varies,
  how: Combine,
  tensor: Tensor,
): Float64Array {
  const join = combine[how]
  const out = new Float64Array(lengthOf(to, tensor)).fill(neutral[how])
  const at = indexer(to, from, tensor)
  for (let i = 0; i < values.length; i++) {
    const k = at(i)
    out[k] = join(out[k] ?? 0, values[i] ?? 0)
  }
  return out
}

/** As many numbers as the result has: what varies over fewer axes is repeated. */
export function spread(values: Float64Array, from: Varies, to: Varies, tensor: Tensor): Float64Array {
  const length = lengthOf(to, tensor)
  if (values.length === length) return values
  if (values.length === 1) return new Float64Array(length).fill(values[0] ?? 0)
  const out = new Float64Array(length)
  const [own, all] = [axesOf(from, tensor), axesOf(to, tensor)]
  if (isPrefix(own, all)) {
    const repeat = length / values.length
    values.forEach((x, i) => {
      out.fill(x, i * repeat, (i + 1) * repeat)
    })
  } else if (isSuffix(own, all)) for (let i = 0; i < length; i += values.length) out.set(values, i)
  else {
    const at = indexer(from, to, tensor)
    for (let i = 0; i < length; i++) out[i] = values[at(i)] ?? 0
  }
  return out
}
