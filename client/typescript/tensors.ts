/** Tensors as the wire carries them: little-endian F32, row-major, unpadded. */

import { floatsOf } from './safetensors.ts'

/** A tensor of the session; a scalar's shape is `[]`. */
export interface TensorSpec {
  readonly name: string
  readonly shape: readonly number[]
}

/** All tensors: packed back to back in declared order, or named. The answer has the form of the request. */
export type Tensors = Float32Array | Readonly<Record<string, Float32Array>>

/** Number of elements of all tensors together: the length of a packed buffer. */
export const sizeOf = (tensors: readonly Pick<TensorSpec, 'shape'>[]): number =>
  tensors.reduce((sum, { shape }) => sum + shape.reduce((size, extent) => size * extent, 1), 0)

/** The bytes of the tensors, not copied. `what` they are is for the error: programs in JavaScript have no types. */
export function toWire(what: string, tensors: Tensors): Uint8Array | Readonly<Record<string, Uint8Array>> {
  if (tensors instanceof Float32Array) return bytesOf(what, tensors)
  if (kindOf(tensors) !== 'Object')
    throw refusal(what, tensors, 'a Float32Array or an object of Float32Arrays by name')
  return Object.fromEntries(
    Object.entries(tensors).map(([name, values]) => [name, bytesOf(`${what}.${name}`, values)]),
  )
}

/** Views of the answer's bytes where they lie on a multiple of four, as a Float32Array must; else copies. */
export function fromWire(bytes: unknown): Tensors {
  if (bytes instanceof Uint8Array) return floatsOf(bytes)
  return Object.fromEntries(
    Object.entries(Object(bytes)).map(([name, values]) => [name, floatsOf(values as Uint8Array)]),
  )
}

/** Add the updates to the parameters in place: p ← p + u. Both packed, or both named with the same names. */
export function applyUpdates(params: Tensors, updates: Tensors): void {
  if (params instanceof Float32Array !== updates instanceof Float32Array) {
    throw new TypeError('Cannot apply updates: params and updates must both be packed or both be named')
  }
  const targets = entriesOf(params)
  for (const [name, values] of entriesOf(updates)) add(targets.get(name) ?? new Float32Array(), values, name)
}

/** A packed buffer is taken as one tensor. */
const entriesOf = (tensors: Tensors): ReadonlyMap<string, Float32Array> =>
  new Map(tensors instanceof Float32Array ? [['(packed)', tensors]] : Object.entries(tensors))

function add(params: Float32Array, updates: Float32Array, name: string): void {
  if (params.length !== updates.length) {
    const found = `${updates.length} updates for ${params.length} parameters`
    throw new RangeError(`Cannot apply updates to ${name}: ${found}, expected as many`)
  }
  for (let i = 0; i < params.length; i += 1) params[i] = (params[i] ?? 0) + (updates[i] ?? 0)
}

function bytesOf(what: string, values: Float32Array): Uint8Array {
  if (!(values instanceof Float32Array)) throw refusal(what, values, 'a Float32Array')
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}

const refusal = (what: string, given: unknown, expected: string): TypeError =>
  new TypeError(`Cannot send ${what}: given ${kindOf(given)}, expected ${expected}`)

/** The built-in class that made the value, such as `Array`; `Object` for the others; `undefined`, `null`. */
const kindOf = (value: unknown): string =>
  value === undefined || value === null ? `${value}` : Object.prototype.toString.call(value).slice(8, -1)
