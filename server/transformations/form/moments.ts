import { constant, type Expr, type SlotType } from '../../expression/index.ts'

/** b · m. Where m is kept as BF16 the product is one of BF16 numbers, as in Optax: b is rounded, and so is it. */
export const decay = (m: Expr, b: Expr, type: SlotType = 'native'): Expr =>
  type === 'BF16' ? m.mul(b.bf16()).bf16() : m.mul(b)

/** Exponential moving average: b · m + (1 − b) · x. */
export const ema = (m: Expr, x: Expr, b: Expr, type?: SlotType): Expr =>
  x.mul(b.neg().add(1)).add(decay(m, b, type))

/** Bias correction of an average that started at 0: m / (1 − bᵗ). */
export const unbias = (m: Expr, b: Expr, t: Expr): Expr => m.div(constant(1).sub(b.powi(t)))

/** 1 / √(v + eps), or 1 / (√v + eps). */
export const inverseRoot = (v: Expr, eps: Expr, inside: boolean): Expr =>
  inside ? v.add(eps).rsqrt() : constant(1).div(v.sqrt().add(eps))
