import {
  type Bound,
  type Expr,
  isTerm,
  type Option,
  type Options,
  type Setting,
  type Term,
} from '../../expression/index.ts'
import type { Context } from './link.ts'

/** What a condition may look at. */
export interface Facts {
  /** Steps taken before this one, as the wrapper that asks counts them. */
  readonly count: Expr
  readonly g: Expr
  readonly context: Context
}

/** A yes or no for the whole step, 1 or 0: what Optax takes a function for. */
export interface Condition<O extends Options = Options> {
  readonly kind: 'condition'
  readonly name: string
  readonly formula: string
  readonly reference: string
  readonly options: O
  /** Why these settings cannot be together; undefined when they can. */
  refuse?(settings: { readonly [K in keyof O]: Setting }): string | undefined
  // Methods, so that a table can hold conditions whatever their options.
  holds(facts: Facts, options: Bound<O>): Expr
}

/** A condition of any options. */
export type AnyCondition = Condition<Options>

export const condition = <O extends Options>(definition: Omit<Condition<O>, 'kind'>) =>
  ({ kind: 'condition', ...definition }) as const satisfies Condition<O>

/** An option that is a condition, called: `every_k(4)`. */
export const asked = (example: string): Option<(facts: Facts) => Expr> => ({
  type: 'condition',
  takes: 'condition',
  refuse: (s) => (isTerm(s) ? undefined : `expected a condition, for instance ${example}`),
  bind: (s, binder) => binder.condition(s as Term) as (facts: Facts) => Expr,
})
