import type { Expr } from './expr.ts'
import type { Combine } from './primitives.ts'
import type { Slot } from './slots.ts'

/** A tensor as a transformation sees it. */
export interface Tensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly rank: number
  /**
   * What a function says of the name, where the tensor wants to know what was asked: tensors of one shape that all
   * answer the same are recorded once.
   */
  ask?<T>(question: (name: string) => T): T
}

/** What a chain does to one tensor in a step. */
export interface Body {
  /** What the chain makes of the gradient. */
  readonly update: Expr
  /** State after the step, by slot; session slots among them. */
  readonly next: ReadonlyMap<string, Expr>
  /** What this tensor gives to the collectives, by their place. */
  readonly gives: ReadonlyMap<string, Contribution>
  readonly slots: ReadonlyMap<string, Slot>
  /** Scalars that the chain shows to whoever asks for stats. */
  readonly exposed: ReadonlyMap<string, Expr>
}

export interface Contribution {
  readonly combine: Combine
  readonly value: Expr
}

/** A chain, recorded for every tensor of a session: what the compiler makes a plan of. */
export interface Trace {
  readonly tensors: readonly Tensor[]
  /** One a tensor, in order. */
  readonly bodies: readonly Body[]
  /** Options that may change between steps, by path, and what they are at the start. */
  readonly options: ReadonlyMap<string, number>
}
