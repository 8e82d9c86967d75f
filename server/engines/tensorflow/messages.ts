import type { Plan } from '../../compiler/plan.ts'
import type { SavedPiece, Start, StepInput, StepOutput } from '../engine.ts'

/** A plan, or the number under which the replica was sent it. */
export interface SentPlan {
  readonly at: number
  readonly plan?: Plan
}

/** With saved pieces each in memory of its own. */
export type SentStart = Exclude<Start, { saved: unknown }> | { readonly saved: readonly SavedPiece[] }

/** What the engine asks of its worker, and what it gets. */
export interface Calls {
  start: { readonly gets: undefined; readonly gives: About }
  open: { readonly gets: { replica: number; plan: Plan; start: SentStart }; readonly gives: undefined }
  step: {
    readonly gets: { replica: number; plan: SentPlan; input: Omit<StepInput, 'plan'> }
    readonly gives: StepOutput
  }
  save: {
    readonly gets: { replica: number; slot: string | undefined }
    readonly gives: readonly SavedPiece[]
  }
  close: { readonly gets: { replica: number }; readonly gives: undefined }
  /** Tensors that TensorFlow holds: to show that none are left behind. */
  count: { readonly gets: undefined; readonly gives: number }
  end: { readonly gets: undefined; readonly gives: undefined }
}

export interface About {
  readonly version: string
  readonly gpu: boolean
}

export type Kind = keyof Calls
export type Call<K extends Kind = Kind> = {
  [P in K]: { readonly kind: P; readonly gets: Calls[P]['gets'] }
}[K]

export interface Request {
  readonly id: number
  readonly call: Call
}

export interface Reply {
  readonly id: number
  readonly gives?: unknown
  readonly error?: Error
}
