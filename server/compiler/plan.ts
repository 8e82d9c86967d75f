import type { Combine, Expr, Routine, Slot, Tensor } from '../expression/index.ts'
import type { RowTreatment } from './sparse.ts'

/**
 * What engines run. A step is a number of stages; a stage computes scalars and vectors on the host, then sweeps over
 * memory in passes, one for each group of tensors that are treated alike. A reduction ends a stage: what depends on it
 * comes in the next; a reduction of rows that only passes use ends a phase. State is only written by a group's last
 * pass, so everything before reads it as it was.
 */
export interface Plan {
  /** Those of the session, then those that are made of them: these have state and passes, and neither gradients nor updates. */
  readonly tensors: readonly Tensor[]
  /** How many of the tensors are the session's. */
  readonly declared: number
  readonly groups: readonly Group[]
  readonly stages: readonly Stage[]
  /** State on the host after the step. */
  readonly commits: readonly Commit[]
  /** Paths of options that may change between steps, in the order in which a step gives them, and their start. */
  readonly options: ReadonlyMap<string, number>
  readonly state: readonly StatePiece[]
  /** Places in `state`, by `placeKey`. */
  readonly places: ReadonlyMap<string, number>
  /** How many numbers of state the host keeps. */
  readonly hosted: number
  readonly registers: Registers
  /** Values over some axes that the host computes; passes read them, and make those that are reductions of elements. */
  readonly vectors: ReadonlySet<Expr>
  /** By group, slots of elements that are there for one step: what routines read and make. */
  readonly temporaries: readonly (readonly string[])[]
  /** Scalars to show, by name. */
  readonly exposed: ReadonlyMap<string, Expr>
  readonly needs: { readonly parameters: boolean; readonly loss: boolean }
}

/** Tensors with equal bodies. Tensors that are made of those of a group are a group too, in the same order. */
export interface Group {
  readonly tensors: readonly number[]
  /** What comes of gradients of some rows only, with options as they are at the start. */
  readonly rows: RowTreatment
}

export interface Stage {
  readonly scalars: readonly Scalar[]
  /** To be run before the passes. */
  readonly routines: readonly RoutineCall[]
  readonly passes: readonly Pass[]
}

/** One scalar or vector to compute on the host: for the session, or for each tensor of a group. */
export interface Scalar {
  readonly value: Expr
  readonly group?: number
  /** For a collective: what each tensor gives, in order of tensors. */
  readonly parts?: readonly { readonly tensor: number; readonly value: Expr }[]
}

/** A routine to run on each tensor of a group. */
export interface RoutineCall {
  readonly group: number
  readonly routine: Routine
  /** Scalars, and arrays that passes of earlier stages stored. */
  readonly args: readonly (Expr | Stored)[]
  /** The slot that the result goes to. */
  readonly to: string
}

/** An array of the tensor that stands in this group where the tensor that a routine is run on stands in its own. */
export interface Stored {
  readonly group: number
  readonly slot: string
}

/** One sweep over the tensors of a group. */
export interface Pass {
  readonly group: number
  /**
   * What is done to each tensor, in order. Where there are several phases, each but the last reduces rows, and the
   * next reads the row again: an engine goes row by row, through all phases, while the row is in cache.
   */
  readonly phases: readonly Phase[]
}

export interface Phase {
  /** Values of extent `element` and `axes` in the order in which they can be computed, leaves included. */
  readonly program: readonly Expr[]
  readonly reductions: readonly Reduction[]
  /** State, and what routines read. */
  readonly stores: readonly { readonly slot: string; readonly value: Expr }[]
  readonly update?: Expr
}

export interface Reduction {
  readonly value: Expr
  readonly combine: Combine
  readonly of: Expr
}

/** A piece of state on the host, and the scalar or vector that it becomes. */
export interface Commit {
  readonly piece: number
  readonly value: Expr
  readonly tensor?: number
}

/** One array of state: a slot of the session or of one tensor. The order of pieces is that of snapshots. */
export interface StatePiece {
  readonly slot: string
  readonly definition: Slot
  /** The tensor it belongs to; none for session slots. */
  readonly tensor?: number
  /** Number of elements. */
  readonly size: number
  /** Where it begins in the state that the host keeps; none for element slots, which are the engine's. */
  readonly host?: number
}

/** Where scalars are kept during a step: one register for the session's, one a tensor for the tensors'. */
export interface Registers {
  readonly length: number
  readonly base: ReadonlyMap<Expr, number>
}

/** What a piece of state is found by: its slot, and its tensor where it has one. */
export const placeKey = (slot: string, tensor: number | undefined): string => `${slot}/${tensor ?? ''}`

/** The tensors of the session. */
export const declaredIn = ({ tensors, declared }: Plan): readonly Tensor[] => tensors.slice(0, declared)

/** Number of elements of a tensor. */
export const sizeOf = (tensor: Tensor): number => tensor.shape.reduce((n, d) => n * d, 1)

/** A routine on one tensor, with its arguments: an array of a tensor, or a scalar of it. */
export interface CallOn {
  readonly index: number
  readonly args: readonly (
    | { readonly slot: string; readonly index: number }
    | { readonly value: Expr; readonly index: number }
  )[]
}

/** A routine to run, tensor by tensor. */
export const callsOn = ({ groups }: Plan, { group, args }: RoutineCall): readonly CallOn[] =>
  (groups[group]?.tensors ?? []).map((index, k) => ({
    index,
    args: args.map((arg) =>
      'slot' in arg ? { slot: arg.slot, index: groups[arg.group]?.tensors[k] ?? -1 } : { value: arg, index },
    ),
  }))

/** The name of a piece in state files: `2.scale_by_adam.mu/w`; of a session slot: `2.scale_by_adam.count`. */
export const pieceName = (plan: Plan, { slot, tensor }: StatePiece): string =>
  tensor === undefined ? slot : `${slot}/${plan.tensors[tensor]?.name}`
