import type { Expr } from '../expr.ts'
import type { Bound, Options, Setting } from '../options.ts'

/** A number as a function of how many steps were taken: host scalars only. */
export interface Schedule<O extends Options = Options> {
  readonly kind: 'schedule'
  readonly name: string
  readonly formula: string
  readonly reference: string
  readonly options: O
  /** Why these settings cannot be together; undefined when they can. */
  refuse?(settings: { readonly [K in keyof O]: Setting }): string | undefined
  // Methods, so that a table can hold schedules whatever their options.
  value(count: Expr, options: Bound<O>): Expr
}

/** A schedule of any options. */
export type AnySchedule = Schedule<Options>

export const schedule = <O extends Options>(definition: Omit<Schedule<O>, 'kind'>) =>
  ({ kind: 'schedule', ...definition }) as const satisfies Schedule<O>
