import type { Bound, Expr, Options, Slot, Tensor } from '../../expression/index.ts'
import { type Definition, define, type State, type Words } from './define.ts'
import type { Context, Link, StateTree } from './link.ts'
import { started } from './states.ts'

/** A transformation that a wrapper holds, as it stands for one tensor at one step. */
export interface Inner {
  /** Its state as it is before the step. */
  readonly before: StateTree
  /** Its state as it would start now. */
  readonly fresh: () => StateTree
  /** What it makes of gradients, and its state then; with other parameters where some are given. */
  readonly update: (g: Expr, parameter?: Expr) => readonly [Expr, StateTree]
}

interface WrapperRule<O extends Options, S, K extends string> extends Words<O> {
  /** The transformations that it holds, by their place in paths. */
  readonly holds: (options: Bound<O>) => { readonly [key in K]: Link }
  readonly state?: S | ((options: Bound<O>, tensor: Tensor) => S)
  /** The update, the wrapper's own state after it, and that of each transformation that it holds. */
  readonly update: (
    g: Expr,
    options: Bound<O>,
    state: State<S>,
    held: { readonly [key in K]: Inner },
    context: Context,
  ) => readonly [Expr, State<S>, { readonly [key in K]: StateTree }]
}

/** A transformation that decides when, or on what, others are applied. */
export function wrapper<
  const O extends Options,
  S extends { readonly [slot: string]: Slot },
  const K extends string,
>(rule: WrapperRule<O, S, K>): Definition<O> {
  return define('transformation', rule, (options): Link => {
    const links: readonly (readonly [string, Link])[] = Object.entries<Link>(rule.holds(options))
    return {
      slots(tensor) {
        const own = typeof rule.state === 'function' ? rule.state(options, tensor) : rule.state
        const held = links.map(([key, link]) => [key, link.slots(tensor)])
        return { ...(own === undefined ? {} : { [rule.name]: own }), ...Object.fromEntries(held) }
      },
      update(g, state, context) {
        const held = links.map(([key, link]) => [
          key,
          innerOf(link, state[key] as StateTree, context.at(key)),
        ])
        const [u, own, inner] = rule.update(
          g,
          options,
          (state[rule.name] ?? {}) as State<S>,
          Object.fromEntries(held) as { readonly [key in K]: Inner },
          context.at(rule.name),
        )
        return [u, { ...(rule.state === undefined ? {} : { [rule.name]: own }), ...inner }]
      },
    }
  })
}

const innerOf = (link: Link, before: StateTree, context: Context): Inner => ({
  before,
  fresh: () => started(link.slots(context.tensor), context.parameter),
  update: (g, parameter) =>
    link.update(g, before, parameter === undefined ? context : withParameter(context, parameter)),
})

/** The same with other parameters, all the way in. */
export const withParameter = (context: Context, parameter: Expr): Context => ({
  ...context,
  parameter,
  at: (key) => withParameter(context.at(key), parameter),
})
