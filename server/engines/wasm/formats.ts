import type { Code } from './encoder.ts'
import { roundBf16 } from './ops.ts'

/** Number types of arrays in memory that kernels read and write; all arithmetic is in float32. */
export type Format = 'F32' | 'BF16' | 'F16'

/** log₂ of an element's size in bytes. */
export const shiftOf: Readonly<Record<Format, number>> = { F32: 2, BF16: 1, F16: 1 }

const infinite = 0x7f800000

/**
 * Four elements at the address on the stack plus an offset in bytes, as float32 on the stack. May read up to 15 bytes
 * too far.
 */
export const load: Readonly<Record<Format, (code: Code, offset: number) => void>> = {
  F32: (code, offset) => code.memory('v128_load', offset),
  BF16: (code, offset) => code.memory('v128_load16x4_u', offset).i32(16).op('i32x4_shl'),
  F16(code, offset) {
    const [half, wide] = [code.local('v128'), code.local('v128')]
    // Exponent and fraction in their places, 112 too small in the exponent: a product mends it, denormals too.
    code.memory('v128_load16x4_u', offset).tee(half).bits(0x7fff).op('v128_and').i32(13).op('i32x4_shl')
    code
      .float(2 ** 112)
      .op('f32x4_mul')
      .set(wide)
    // From 65536 on it was infinite or NaN.
    code.get(wide).bits(infinite).op('v128_or').get(wide)
    code.float(65536).get(wide).op('f32x4_le', 'v128_bitselect')
    code.get(half).bits(0x8000).op('v128_and').i32(16).op('i32x4_shl', 'v128_or')
  },
}

/** Narrow a float32 local to nearest even: to bits in the low half of each lane, on the stack. */
const narrowTo: Readonly<Record<'BF16' | 'F16', (code: Code, value: number) => void>> = {
  BF16(code, value) {
    roundBf16(code, value)
    code.i32(16).op('i32x4_shr_u').bits(0x7fc0)
    code.get(value, value).op('f32x4_eq', 'v128_bitselect')
  },
  F16(code, value) {
    const size = code.local('v128')
    code.get(value).op('f32x4_abs').set(size)
    code.get(value).i32(16).op('i32x4_shr_u').bits(0x8000).op('v128_and')
    // Normal numbers: round at bit 13, with the exponent rebased.
    code.get(size).i32(13).op('i32x4_shr_u').bits(1).op('v128_and').get(size).op('i32x4_add')
    code
      .bits(0xfff - (112 << 23))
      .op('i32x4_add')
      .i32(13)
      .op('i32x4_shr_u')
    // Below 2⁻¹⁴: adding ½ rounds to multiples of 2⁻²⁴, which are the bits wanted.
    code.get(size).float(0.5).op('f32x4_add').float(0.5).op('i32x4_sub')
    code
      .float(2 ** -14)
      .get(size)
      .op('f32x4_le', 'v128_bitselect')
    // From 65520 on it is infinite.
    code.bits(0x7c00).float(65520).get(size).op('f32x4_le')
    selectFirst(code)
    code.bits(0x7e00).get(size, size).op('f32x4_ne')
    selectFirst(code)
    code.op('v128_or')
  },
}

/** [b, a, mask] → a where the mask is set, else b. */
function selectFirst(code: Code): void {
  const [mask, a, b] = [code.local('v128'), code.local('v128'), code.local('v128')]
  code.set(mask).set(a).set(b).get(a, b, mask).op('v128_bitselect')
}

/** Write four lanes of a float32 local, `offset` bytes behind an address. */
export function store(code: Code, format: Format, address: number, value: number, offset: number): void {
  const bits = narrowed(code, format, value)
  code.get(address, bits).memory(format === 'F32' ? 'v128_store' : 'v128_store64_lane', offset)
}

/** Write the first `count` lanes, 1 to 3, and nothing beyond them. */
export function storeLanes(code: Code, format: Format, address: number, value: number, count: number): void {
  const bits = narrowed(code, format, value)
  const lane = format === 'F32' ? 'v128_store32_lane' : 'v128_store16_lane'
  for (const k of [0, 1, 2]) {
    code.get(count).i32(k).op('i32_gt_u')
    code.if(() => code.get(address, bits).memory(lane, k << shiftOf[format], k))
  }
}

/** What is written of a float32 local. */
function narrowed(code: Code, format: Format, value: number): number {
  if (format === 'F32') return value
  const bits = code.local('v128')
  narrowTo[format](code, value)
  code.tee(bits).get(bits).op('i16x8_narrow_i32x4_u').set(bits)
  return bits
}
