import type { Primitive } from '../expression/index.ts'

/** The primitives on float64 numbers: host scalars on every engine, and all there is to the reference engine. */
export const float64: Readonly<Record<Primitive, (a: number, b: number, c: number) => number>> = {
  neg: (a) => -a,
  abs: (a) => Math.abs(a),
  sign: (a) => Math.sign(a),
  sqrt: (a) => Math.sqrt(a),
  exp: (a) => Math.exp(a),
  log: (a) => Math.log(a),
  tanh: (a) => Math.tanh(a),
  cos: (a) => Math.cos(a),
  floor: (a) => Math.floor(a),
  bf16: (a) => roundToBf16(a),
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: (a, b) => Math.min(a, b),
  max: (a, b) => Math.max(a, b),
  pow: (a, b) => a ** b,
  powi: (a, b) => integerPower(a, b),
  lt: (a, b) => (a < b ? 1 : 0),
  le: (a, b) => (a <= b ? 1 : 0),
  eq: (a, b) => (a === b ? 1 : 0),
  select: (condition, a, b) => (condition !== 0 ? a : b),
}

export const combine = {
  sum: (a: number, b: number) => a + b,
  max: (a: number, b: number) => Math.max(a, b),
  min: (a: number, b: number) => Math.min(a, b),
} as const

/** What a reduction of nothing gives. */
export const neutral = { sum: 0, max: -Infinity, min: Infinity } as const

/** baseⁿ for a whole n ≥ 0, by repeated squaring. */
function integerPower(base: number, n: number): number {
  // State may come from outside: without an end, squaring would have none.
  if (n > Number.MAX_SAFE_INTEGER) return base ** n
  let result = 1
  for (let b = base, left = n; left > 0; left = Math.floor(left / 2), b *= b) if (left % 2 === 1) result *= b
  return result
}

const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

/** The nearest BF16, ties to even; NaN stays NaN. */
export function roundToBf16(x: number): number {
  float[0] = x
  if (Number.isNaN(x)) return x
  const u = bits[0] ?? 0
  bits[0] = (u + 0x7fff + ((u >>> 16) & 1)) & 0xffff0000
  return float[0] ?? 0
}
