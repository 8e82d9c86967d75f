/**
 * The elementwise primitives. Few, so that an engine is a short table; everything else is derived from them in
 * `expr.ts`. Comparisons give 1 or 0, and 0 where an operand is NaN; `min` and `max` pass NaN on. `bf16` rounds to
 * the nearest BF16, ties to even, by way of float32.
 */
export const unary = ['neg', 'abs', 'sign', 'sqrt', 'exp', 'log', 'tanh', 'cos', 'floor', 'bf16'] as const
/** `powi` raises to an integer power by repeated squaring: the same bits on every platform, unlike `pow`. */
export const binary = ['add', 'sub', 'mul', 'div', 'min', 'max', 'pow', 'powi', 'lt', 'le', 'eq'] as const
/** `select(condition, a, b)`: a where the condition is not 0. */
export const ternary = ['select'] as const

export type Unary = (typeof unary)[number]
export type Binary = (typeof binary)[number]
export type Ternary = (typeof ternary)[number]
export type Primitive = Unary | Binary | Ternary

/** How a reduction combines elements, and how a collective combines what tensors contribute. */
export type Combine = 'sum' | 'max' | 'min'
