import { bitsOf, type Code } from './encoder.ts'

/**
 * exp, log, tanh and pow of float32 lanes, in float64, two lanes at a time, rounded to float32 once at the end. So
 * denormals need no care, what leaves the range of float32 becomes 0 or infinite by that rounding, and two functions
 * suffice, eˣ − 1 and ln x. Results are within 0.51 ulp.
 *
 * Arguments are reduced as by Cody and Waite; polynomials are those of least relative error, by Remez' exchange.
 *
 * @see Cody and Waite, Software Manual for the Elementary Functions, 1980
 * @see Muller, Elementary Functions: Algorithms and Implementation, 3rd ed., 2016
 */

/** (eʳ − 1) / r on |r| ≤ ln 2 / 2: degree 6, relative error 2⁻³². */
const expm1Terms = [
  1.0000000000311966, 0.5000000046652134, 0.1666666624962524, 0.04166635444976929, 0.00833340289789904,
  0.0013941004919324103, 0.000198412516091831,
]

/**
 * 2 atanh(s) / s in z = s² on |s| ≤ (√2 − 1) / (√2 + 1): degree 4, relative error 2⁻³⁷·⁸. Where a power is in the
 * range of float32, its logarithm is below 104: this error in it becomes one of 2⁻³¹ in the power.
 */
const logTerms = [
  2.000000000008424, 0.6666666524045282, 0.40000385869072486, 0.2853498592727044, 0.23617465829339887,
]

/** Sums with it are rounded to whole numbers, which stand in their low bits. */
const rounding = 1.5 * 2 ** 52
/** Beyond ± this, eˣ is 0 or infinite in float32. */
const range = 150
const fraction = 2n ** 52n - 1n
const sign = 0x80000000

export function exp(code: Code, a: number): void {
  inFloat64(code, [a], ([x = 0]) => wideExp(code, x))
}

/** NaN below 0; −∞ at ±0. */
export function log(code: Code, a: number): void {
  code.float(Number.NaN)
  inFloat64(code, [a], ([x = 0]) => wideLog(code, x))
  code.get(a).float(0).op('f32x4_lt', 'v128_bitselect')
}

/** (e²ˣ − 1) / (e²ˣ + 1): near 0 as exact as eˣ − 1 is. */
export function tanh(code: Code, a: number): void {
  inFloat64(code, [a], ([x = 0]) => {
    const [twice, e] = [code.local('v128'), code.local('v128')]
    code.get(x, x).op('f64x2_add').set(twice)
    const { scale, q } = expm1(code, twice)
    code.get(q, scale).op('f64x2_mul').get(scale).double(1).op('f64x2_sub', 'f64x2_add').tee(e)
    code.get(e).double(2).op('f64x2_add', 'f64x2_div')
  })
  // The sum above makes +0 of −0.
  code.get(a).bits(sign).op('v128_and', 'v128_or')
}

/**
 * e^(b ln |a|), with a sign where a is negative and b odd. As Math.pow has it: 1 where b is 0, whatever a is; NaN where
 * a is finite and below 0 and b is not whole, and where |a| is 1 and b is not finite.
 */
export function pow(code: Code, a: number, b: number): void {
  const [size, half] = [code.local('v128'), code.local('v128')]
  code.get(a).op('f32x4_abs').set(size)
  // Selected last: NaN for a root of a negative number.
  code.float(1).float(Number.NaN)
  inFloat64(code, [size, b], ([x = 0, y = 0]) => {
    const z = code.local('v128')
    wideLog(code, x)
    code.get(y).op('f64x2_mul').set(z)
    wideExp(code, z)
  })
  // b is odd where it is whole and its half is not.
  code.get(b).float(0.5).op('f32x4_mul').tee(half).get(half).op('f32x4_floor', 'f32x4_ne')
  code.get(b, b).op('f32x4_floor', 'f32x4_eq', 'v128_and')
  code.get(a).bits(sign).op('v128_and', 'v128_and', 'v128_or')
  code.get(b, b).op('f32x4_floor', 'f32x4_ne').get(a).float(0).op('f32x4_lt', 'v128_and')
  code.float(-Infinity).get(a).op('f32x4_lt', 'v128_and', 'v128_bitselect')
  code.get(b).float(0).op('f32x4_eq', 'v128_bitselect')
}

/** What `body` leaves on the stack for float64 lanes of the operands, for all four lanes in float32. */
function inFloat64(code: Code, operands: readonly number[], body: (wide: readonly number[]) => void): void {
  for (const low of [0, 2]) {
    const wide = operands.map((operand) => {
      const local = code.local('v128')
      code.get(operand)
      if (low > 0) code.get(operand).shuffle([2, 3, 2, 3])
      code.op('f64x2_promote_low_f32x4').set(local)
      return local
    })
    body(wide)
    code.op('f32x4_demote_f64x2_zero')
  }
  code.shuffle([0, 1, 4, 5])
}

/** 2ⁿ + 2ⁿ q. */
function wideExp(code: Code, x: number): void {
  const { scale, q } = expm1(code, x)
  code.get(scale, q).op('f64x2_mul').get(scale).op('f64x2_add')
}

/** x = n ln 2 + r with n whole, so eˣ = 2ⁿ (1 + q) with q = eʳ − 1: in new locals, 2ⁿ and q. */
function expm1(code: Code, x: number): { readonly scale: number; readonly q: number } {
  const fresh = () => code.local('v128')
  const [n, r, scale, q] = [fresh(), fresh(), fresh(), fresh()]
  // These keep NaN, their first operand.
  code.get(x).double(range).op('f64x2_pmin').double(-range).op('f64x2_pmax').tee(r)
  code.get(r).double(Math.LOG2E).op('f64x2_mul').double(rounding).op('f64x2_add').tee(n)
  code.double(rounding).op('f64x2_sub').double(Math.LN2).op('f64x2_mul', 'f64x2_sub').set(r)
  code.get(n).i32(52).op('i64x2_shl').double(1).op('i64x2_add').set(scale)
  polynomial(code, r, expm1Terms)
  code.get(r).op('f64x2_mul').set(q)
  return { scale, q }
}

/** x = 2ᵏ m with m in [√½, √2), so ln x = k ln 2 + 2 atanh(s) with s = (m − 1) / (m + 1). For x ≥ 0. */
function wideLog(code: Code, x: number): void {
  const fresh = () => code.local('v128')
  const [bits, m, s, z] = [fresh(), fresh(), fresh(), fresh()]
  code.double(-Infinity)
  // Where the fraction is that of √½ or more, this carries into the exponent.
  code
    .get(x)
    .long(bitsOf(1) - bitsOf(Math.SQRT1_2))
    .op('i64x2_add')
    .set(bits)
  code.get(bits).long(fraction).op('v128_and').double(Math.SQRT1_2).op('i64x2_add').set(m)
  code.get(m).double(1).op('f64x2_sub').get(m).double(1).op('f64x2_add', 'f64x2_div').set(s)
  code.get(s, s).op('f64x2_mul').set(z)
  // The exponent, as the low bits of a number from 2⁵² on.
  code
    .get(bits)
    .i32(52)
    .op('i64x2_shr_u')
    .double(2 ** 52)
    .op('v128_or')
  code
    .double(2 ** 52 + 1023)
    .op('f64x2_sub')
    .double(Math.LN2)
    .op('f64x2_mul')
  polynomial(code, z, logTerms)
  code.get(s).op('f64x2_mul', 'f64x2_add')
  // Infinity and NaN are their own logarithms.
  code.get(x, x).double(Infinity).op('f64x2_lt', 'v128_bitselect')
  code.get(x).double(0).op('f64x2_eq', 'v128_bitselect')
}

/** Horner's scheme, coefficients from the constant on. */
function polynomial(code: Code, x: number, coefficients: readonly number[]): void {
  const [first = 0, ...rest] = coefficients.toReversed()
  code.double(first)
  for (const coefficient of rest) code.get(x).op('f64x2_mul').double(coefficient).op('f64x2_add')
}
