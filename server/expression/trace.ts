import type { Expr } from './expr.ts'
import type { Combine } from './primitives.ts'
import type { Slot } from './slots.ts'

/** A tensor as a transformation sees it. */
export interface Tensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly rank: number
  /** Where in the chain it is made of another one; none for the tensors of a session. */
  readonly at?: string
  /**
   * What a function says of the name, where the tensor wants to know what was asked: tensors of one shape that all
   * answer the same are recorded once.
   */
  ask?<T>(question: (name: string) => T): T
}

/** What a chain keeps, gives and shows of one tensor in a step. */
export interface Treatment {
  /** State after the step, by slot; session slots among them. */
  readonly next: ReadonlyMap<string, Expr>
  /** What this tensor gives to the collectives, by their place. */
  readonly gives: ReadonlyMap<string, Contribution>
  readonly slots: ReadonlyMap<string, Slot>
  /** Scalars that the chain shows to whoever asks for stats. */
  readonly exposed: ReadonlyMap<string, Expr>
}

/** What a chain does to one tensor of a session in a step. */
export interface Body extends Treatment {
  /** What the chain makes of the gradient. */
  readonly update: Expr
  /** What is done to the tensors that are made of this one, by where in the chain they are. */
  readonly made: ReadonlyMap<string, Made>
}

/** A tensor of another shape, made of one of the session by routines. */
export interface Made {
  readonly shape: readonly number[]
  /** What is made of it in turn is noted with the session's tensor. */
  readonly body: Treatment
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
