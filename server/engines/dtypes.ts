import { roundToBf16 } from '../compiler/float64.ts'
import { Turns } from '../turns.ts'

/** Number types of tensors, by their safetensors names. */
export const dtypes = ['F32', 'BF16', 'F16', 'F64'] as const
export type Dtype = (typeof dtypes)[number]

export const bytesOf: Readonly<Record<Dtype, number>> = { F32: 4, BF16: 2, F16: 2, F64: 8 }

type Read = (view: DataView, at: number) => number
type Write = (view: DataView, at: number, x: number) => void

const read: Readonly<Record<Dtype, Read>> = {
  F32: (view, at) => view.getFloat32(at, true),
  F64: (view, at) => view.getFloat64(at, true),
  BF16: (view, at) => fromBits(view.getUint16(at, true) << 16),
  F16: (view, at) => fromHalf(view.getUint16(at, true)),
}

const write: Readonly<Record<Dtype, Write>> = {
  F32: (view, at, x) => view.setFloat32(at, x, true),
  F64: (view, at, x) => view.setFloat64(at, x, true),
  BF16: (view, at, x) => view.setUint16(at, Number.isNaN(x) ? 0x7fc0 : toBits(roundToBf16(x)) >>> 16, true),
  F16: (view, at, x) => view.setUint16(at, toHalf(x), true),
}

/** Whether arrays of numbers have the byte order of tensors: they are converted some ten times as fast as through a view. */
const native = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** Widen to float64. */
export function widen({ dtype, bytes }: { dtype: Dtype; bytes: Uint8Array }): Float64Array {
  if (native && dtype === 'F32') return new Float64Array(new Float32Array(new Uint8Array(bytes).buffer))
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const size = bytesOf[dtype]
  const get = read[dtype]
  const values = new Float64Array(bytes.byteLength / size)
  for (let i = 0; i < values.length; i++) values[i] = get(view, i * size)
  return values
}

/** Narrow to a number type, to nearest, ties to even. */
export function narrow(values: Float64Array, dtype: Dtype): Uint8Array {
  if (native && dtype === 'F32') return new Uint8Array(new Float32Array(values).buffer)
  const size = bytesOf[dtype]
  const view = new DataView(new ArrayBuffer(values.length * size))
  const set = write[dtype]
  for (let i = 0; i < values.length; i++) set(view, i * size, values[i] ?? 0)
  return new Uint8Array(view.buffer)
}

/** Converts numbers from one type to another. Of many tensors, one after the other, so that the event loop stays free. */
export class Converter {
  /** Bytes that take some 2 ms. */
  readonly #turns = new Turns(2 ** 18)

  /** The bytes themselves where they are of that type. */
  async convert({ dtype, bytes }: { dtype: Dtype; bytes: Uint8Array }, to: Dtype): Promise<Uint8Array> {
    if (dtype === to) return bytes
    const scale = bytesOf[to] / bytesOf[dtype]
    const out = new Uint8Array(bytes.length * scale)
    await this.#turns.through([bytes], (slice, at) =>
      out.set(narrow(widen({ dtype, bytes: slice }), to), at * scale),
    )
    return out
  }
}

const word = new DataView(new ArrayBuffer(8))

function fromBits(bits: number): number {
  word.setUint32(0, bits >>> 0)
  return word.getFloat32(0)
}

function toBits(x: number): number {
  word.setFloat32(0, x)
  return word.getUint32(0)
}

function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >>> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
}

function toHalf(x: number): number {
  if (Number.isNaN(x)) return 0x7e00
  const sign = Object.is(x, -0) || x < 0 ? 0x8000 : 0
  const size = Math.abs(x)
  if (size >= 65520) return sign | 0x7c00
  // Below 2⁻¹⁴ the step between numbers stays that of the smallest exponent.
  const exponent = Math.max(-14, Math.floor(Math.log2(size)))
  const scaled = roundToEven(size * 2 ** (10 - exponent))
  // A carry out of the fraction lands in the exponent, which is what it should do.
  return sign | (scaled < 1024 ? scaled : ((exponent + 15) << 10) + (scaled - 1024))
}

function roundToEven(x: number): number {
  const floor = Math.floor(x)
  const rest = x - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}
