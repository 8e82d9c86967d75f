/** Tensors as the wire carries them: little-endian F32 or BF16, row-major, unpadded. */

import { narrowed, widened } from './bfloat16.ts'
import { floatsOf } from './safetensors.ts'

/** Number types of the wire. Here all numbers are float32: BF16 halves the bytes sent, and rounds. */
export type WireDtype = 'F32' | 'BF16'

/** A tensor of the session; a scalar's shape is `[]`. */
export interface TensorSpec {
  readonly name: string
  readonly shape: readonly number[]
}

/** All tensors: packed back to back in declared order, or named. The answer has the form of the request. */
export type Tensors = Float32Array | Readonly<Record<string, Float32Array>>

/**
 * Some rows of a tensor: their numbers, each once and in any order, and their elements in the same order. A row is what
 * lies at one place of the first axis.
 */
export interface Rows {
  readonly rows: Int32Array
  readonly data: Float32Array
}

/** The same, where named tensors may be rows of them only: gradients of embeddings, which are 0 elsewhere. */
export type Gradients = Float32Array | Readonly<Record<string, Float32Array | Rows>>

/** Number of elements of all tensors together: the length of a packed buffer. */
export const sizeOf = (tensors: readonly Pick<TensorSpec, 'shape'>[]): number =>
  tensors.reduce((sum, { shape }) => sum + shape.reduce((size, extent) => size * extent, 1), 0)

/**
 * The bytes of the tensors, as F32 not copied. `what` they are is for the error: programs in JavaScript have no types.
 */
export function toWire(what: string, tensors: Gradients, dtype: WireDtype = 'F32'): Wire {
  if (tensors instanceof Float32Array) return bytesOf(what, tensors, dtype)
  if (kindOf(tensors) !== 'Object')
    throw refusal(what, tensors, 'a Float32Array or an object of Float32Arrays by name')
  return Object.fromEntries(
    Object.entries(tensors).map(([name, values]) => [name, partOf(`${what}.${name}`, values, dtype)]),
  )
}

type WirePart = Uint8Array | { readonly rows: Uint8Array; readonly data: Uint8Array }
type Wire = Uint8Array | Readonly<Record<string, WirePart>>

function partOf(what: string, values: Float32Array | Rows, dtype: WireDtype): WirePart {
  if (!isRows(values)) return bytesOf(what, values, dtype)
  const { rows, data } = values
  if (!(rows instanceof Int32Array)) throw refusal(`${what}.rows`, rows, 'an Int32Array')
  const numbers = new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength)
  return { rows: numbers, data: bytesOf(`${what}.data`, data, dtype) }
}

const isRows = (values: Float32Array | Rows): values is Rows => kindOf(values) === 'Object'

/** Views of the answer's bytes where they are F32 on a multiple of four, as a Float32Array must; else copies. */
export function fromWire(bytes: unknown, dtype: WireDtype = 'F32'): Gradients {
  const read = dtype === 'F32' ? floatsOf : widened
  if (bytes instanceof Uint8Array) return read(bytes)
  const part = (values: WirePart) => {
    if (values instanceof Uint8Array) return read(values)
    const numbers = floatsOf(values.rows)
    const rows = new Int32Array(numbers.buffer, numbers.byteOffset, numbers.length)
    return { rows, data: read(values.data) }
  }
  return Object.fromEntries(
    Object.entries(Object(bytes)).map(([name, values]) => [name, part(values as WirePart)]),
  )
}

/**
 * Add the updates to the parameters in place: p ← p + u. Both packed, or both named with the same names; where updates
 * are rows of a tensor, to these.
 */
export function applyUpdates(params: Tensors, updates: Gradients): void {
  if (params instanceof Float32Array !== updates instanceof Float32Array) {
    throw new TypeError('Cannot apply updates: params and updates must both be packed or both be named')
  }
  const targets: ReadonlyMap<string, Float32Array | Rows> = entriesOf(params)
  for (const [name, values] of entriesOf(updates)) {
    const target = targets.get(name) ?? new Float32Array()
    if (isRows(target))
      throw new TypeError(`Cannot apply updates to ${name}: these are rows of parameters, not all`)
    if (isRows(values)) addRows(target, values, name)
    else add(target, values, name)
  }
}

/** A packed buffer is taken as one tensor. */
const entriesOf = (tensors: Gradients): ReadonlyMap<string, Float32Array | Rows> =>
  new Map(tensors instanceof Float32Array ? [['(packed)', tensors]] : Object.entries(tensors))

function addRows(params: Float32Array, { rows, data }: Rows, name: string): void {
  const length = rows.length === 0 ? 0 : data.length / rows.length
  const outside = rows.find((row) => (row + 1) * length > params.length)
  if (outside !== undefined) {
    const found = `row ${outside} of ${length} elements, and there are ${params.length} parameters`
    throw new RangeError(`Cannot apply updates to ${name}: ${found}`)
  }
  rows.forEach((row, i) => {
    const own = params.subarray(row * length, (row + 1) * length)
    add(own, data.subarray(i * length, (i + 1) * length), name)
  })
}

function add(params: Float32Array, updates: Float32Array, name: string): void {
  if (params.length !== updates.length) {
    const found = `${updates.length} updates for ${params.length} parameters`
    throw new RangeError(`Cannot apply updates to ${name}: ${found}, expected as many`)
  }
  for (let i = 0; i < params.length; i += 1) params[i] = (params[i] ?? 0) + (updates[i] ?? 0)
}

function bytesOf(what: string, values: Float32Array, dtype: WireDtype): Uint8Array {
  if (!(values instanceof Float32Array)) throw refusal(what, values, 'a Float32Array')
  if (dtype === 'BF16') return narrowed(values)
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}

const refusal = (what: string, given: unknown, expected: string): TypeError =>
  new TypeError(`Cannot send ${what}: given ${kindOf(given)}, expected ${expected}`)

/** The built-in class that made the value, such as `Array`; `Object` for the others; `undefined`, `null`. */
const kindOf = (value: unknown): string =>
  value === undefined || value === null ? `${value}` : Object.prototype.toString.call(value).slice(8, -1)
