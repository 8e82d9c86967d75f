import type { Expr, Slot, Tensor } from '../../expression/index.ts'

/** State of a chain by the names of its links, then of its slots. */
export type SlotTree = { readonly [name: string]: Slot | SlotTree | Apart }
export type StateTree = { readonly [name: string]: Expr | StateTree }

/** State of a tensor of this shape that is made of the one whose state it is among, at the same place of the chain. */
export interface Apart {
  readonly shape: readonly number[]
  readonly slots: Slot | SlotTree
}

/** What an update may ask for beside the gradient. */
export interface Context {
  readonly tensor: Tensor
  /** The tensor's parameters. A chain that uses them needs them from the client or keeps them. */
  readonly parameter: Expr
  /** The loss at this step. */
  readonly loss: Expr
  /** Reductions over all tensors that reach this place of the chain. */
  readonly tree: Tree
  /** Show a scalar in the step's stats. */
  readonly expose: (name: string, value: Expr) => void
  /** Say what to evaluate the model with where that is not the parameters: an array of parameters and state. */
  readonly evaluate: (x: Expr) => void
  /** The same one level further in. */
  readonly at: (key: string) => Context
  /** The same one level further in for a tensor of this shape, which routines make of this one: `Apart` keeps its state. */
  readonly make: (key: string, shape: readonly number[]) => Context
}

/** Reductions over the tree of tensors. A tensor that is masked out does not take part. */
export interface Tree {
  readonly sum: (x: Expr) => Expr
  readonly largest: (x: Expr) => Expr
  /** ‖x‖₂ over all elements of all tensors. */
  readonly norm: (x: Expr) => Expr
  /** How many tensors come before this one. */
  readonly ordinal: () => Expr
}

/** A transformation with its options settled: what chains are made of. */
export interface Link {
  readonly slots: (tensor: Tensor) => SlotTree
  readonly update: (g: Expr, state: StateTree, context: Context) => readonly [Expr, StateTree]
}
