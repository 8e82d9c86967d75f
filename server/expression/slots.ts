import type { Expr } from './expr.ts'

/** Number type that state is kept in: the engine's own, or BF16 to halve it. */
export type SlotType = 'native' | 'BF16'

/** A piece of state: its extent, what it starts as, and its number type. Session slots are kept in float64. */
export interface Slot {
  readonly extent: 'session' | 'tensor' | 'axes' | 'element'
  /** Axes that an `axes` slot keeps. Its numbers are few, and kept in float64. */
  readonly kept?: readonly number[]
  /** A number, an expression over options, or the parameters as they were at the start. */
  readonly init: number | Expr | 'parameters'
  readonly type: SlotType
}

/** One number an element, 0 at first. */
export const zeros = (type: SlotType = 'native'): Slot => ({ extent: 'element', init: 0, type })
/** One number an element. */
export const full = (init: number | Expr, type: SlotType = 'native'): Slot => ({
  extent: 'element',
  init,
  type,
})
/** One number for each place along the axes that are kept, in order: `[0]` is a number a row. */
export const overAxes = (kept: readonly number[], init: number | Expr = 0): Slot => ({
  extent: 'axes',
  kept: [...kept].sort((a, b) => a - b),
  init,
  type: 'native',
})
/** One number a tensor. */
export const perTensor = (init: number | Expr = 0): Slot => ({ extent: 'tensor', init, type: 'native' })
/** One number a session. */
export const scalar = (init: number | Expr = 0): Slot => ({ extent: 'session', init, type: 'native' })
/** Steps taken so far. */
export const counter = (): Slot => scalar(0)
