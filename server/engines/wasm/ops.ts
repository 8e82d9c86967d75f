import type { Combine, Primitive } from '../../expression/index.ts'
import type { Code, Import } from './encoder.ts'
import { exp, log, pow, tanh } from './math.ts'

/** Writes an operation on operands that lie in v128 locals; the result is left on the stack. */
type Emit = (code: Code, a: number, b: number, c: number) => void

const one = 0x3f800000

/** Comparisons give 1 or 0, as everywhere, and not a mask. */
const compare =
  (op: 'f32x4_lt' | 'f32x4_le' | 'f32x4_eq'): Emit =>
  (code, a, b) =>
    code.get(a, b).op(op).bits(one).op('v128_and')

const infix =
  (op: 'f32x4_add' | 'f32x4_sub' | 'f32x4_mul' | 'f32x4_div'): Emit =>
  (code, a, b) =>
    code.get(a, b).op(op)

/**
 * Of two numbers the lesser or greater, NaN where either is: `pmin` is `b < a ? b : a`, one instruction, and gives a
 * NaN of `a`, the mask of b's is itself a NaN. `f32x4_min` takes eight instructions, for the sake of the sign of 0.
 */
const extreme =
  (op: 'f32x4_pmin' | 'f32x4_pmax'): Emit =>
  (code, a, b) =>
    code.get(a, b).op(op).get(b, b).op('f32x4_ne', 'v128_or')

const prefix =
  (op: 'f32x4_neg' | 'f32x4_abs' | 'f32x4_sqrt' | 'f32x4_floor'): Emit =>
  (code, a) =>
    code.get(a).op(op)

/** Functions of the host, in float64: each lane goes out and comes back, which is exact and slow. */
export const hosted = ['cos', 'powi'] as const
export const imports: readonly Import[] = hosted.map((name) => ({
  name,
  parameters: ['f64', 'f64'],
  result: 'f64',
}))

const host =
  (name: (typeof hosted)[number]): Emit =>
  (code, a, b) => {
    code.get(a)
    for (const lane of [0, 1, 2, 3]) {
      for (const operand of [a, b]) code.get(operand).lane('f32x4_extract', lane).op('f64_promote_f32')
      code.call(hosted.indexOf(name)).op('f32_demote_f64').lane('f32x4_replace', lane)
    }
  }

/** The same where `b` is known to be a number. */
export const bounded: { readonly [op in Primitive]?: Emit } = {
  min: (code, a, b) => code.get(a, b).op('f32x4_pmin'),
  max: (code, a, b) => code.get(a, b).op('f32x4_pmax'),
}

export const ops: Readonly<Record<Primitive, Emit>> = {
  add: infix('f32x4_add'),
  sub: infix('f32x4_sub'),
  mul: infix('f32x4_mul'),
  div: infix('f32x4_div'),
  min: extreme('f32x4_pmin'),
  max: extreme('f32x4_pmax'),
  neg: prefix('f32x4_neg'),
  abs: prefix('f32x4_abs'),
  sqrt: prefix('f32x4_sqrt'),
  floor: prefix('f32x4_floor'),
  lt: compare('f32x4_lt'),
  le: compare('f32x4_le'),
  eq: compare('f32x4_eq'),
  // The least number times 2²⁵² is more than 1; 0 keeps its sign, and NaN goes on.
  sign: (code, a) => {
    code
      .get(a)
      .float(2 ** 126)
      .op('f32x4_mul')
      .float(2 ** 126)
      .op('f32x4_mul')
    code.float(-1).op('f32x4_pmax').float(1).op('f32x4_pmin')
  },
  select: (code, condition, a, b) => code.get(b, a, condition).float(0).op('f32x4_eq', 'v128_bitselect'),
  bf16: (code, a) => {
    roundBf16(code, a)
    code.bits(0xffff0000).op('v128_and')
    // NaN must not become infinite by rounding.
    code.get(a).get(a, a).op('f32x4_eq', 'v128_bitselect')
  },
  exp,
  log,
  tanh,
  cos: host('cos'),
  pow,
  powi: host('powi'),
}

/** The bits of a float32 local after rounding to nearest even at bit 16: the low half is to be dropped. */
export function roundBf16(code: Code, a: number): void {
  code.get(a).bits(0x7fff).op('i32x4_add')
  code.get(a).i32(16).op('i32x4_shr_u').bits(1).op('v128_and', 'i32x4_add')
}

/** Two accumulators of two float64 lanes each, as locals. */
export type Sums = readonly [number, number]

/** Combine a value into two accumulators: lanes 0 and 1 into the first, 2 and 3 into the second. */
export function accumulate(code: Code, combine: Combine, value: number, [low, high]: Sums): void {
  const op = ({ sum: 'f64x2_add', min: 'f64x2_min', max: 'f64x2_max' } as const)[combine]
  code.get(low, value).op('f64x2_promote_low_f32x4', op).set(low)
  code.get(high, value, value).shuffle([2, 3, 2, 3]).op('f64x2_promote_low_f32x4', op).set(high)
}

/** The one float64 that the accumulators come to, on the stack. */
export function total(code: Code, combine: Combine, [low, high]: Sums): void {
  const [wide, single] = (
    { sum: ['f64x2_add', 'f64_add'], min: ['f64x2_min', 'f64_min'], max: ['f64x2_max', 'f64_max'] } as const
  )[combine]
  code.get(low, high).op(wide).tee(low).lane('f64x2_extract', 0)
  code.get(low).lane('f64x2_extract', 1).op(single)
}
