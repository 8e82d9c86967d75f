import {
  type Bound,
  constant,
  type Expr,
  type Option,
  type Options,
  type Rate,
  type Setting,
  type Slot,
  type Tensor,
  type Value,
} from '../../expression/index.ts'
import type { Context, Link } from './link.ts'
import { series } from './series.ts'

/** What the catalogue says of a transformation or an optimizer. */
export interface Entry {
  readonly kind: 'transformation' | 'optimizer'
  readonly name: string
  readonly formula: string
  readonly reference: string
  readonly options: Options
  readonly refuse?: (settings: { readonly [option: string]: Setting }) => string | undefined
  /** With options already settled by a `Binder`. */
  readonly make: (options: { readonly [option: string]: unknown }) => Link
}

type Given<T> = T extends Expr
  ? Value
  : T extends Expr | null
    ? Value | null
    : T extends Rate
      ? Rate | number
      : T
/** Options as code gives them to a transformation: those with a default may be left out. */
export type Settings<O extends Options> = { readonly [K in keyof O]?: Given<Bound<O>[K]> }
export type Definition<O extends Options> = Entry & ((options?: Settings<O>) => Link)

export interface Words<O extends Options> {
  readonly name: string
  /** The formula, line by line as the code below it. */
  readonly formula: string
  /** The paper or the page that it comes from. */
  readonly reference: string
  readonly options?: O
  readonly refuse?: (settings: { readonly [K in keyof O]: Setting }) => string | undefined
}

export type State<S> = { readonly [K in keyof S]: Expr }

interface Rule<O extends Options, S> extends Words<O> {
  readonly state?: S | ((options: Bound<O>, tensor: Tensor) => S)
  readonly update: (
    g: Expr,
    options: Bound<O>,
    state: State<S>,
    context: Context,
  ) => Expr | readonly [Expr, State<S>]
}

/** A gradient transformation, written once for one tensor. */
export function transformation<const O extends Options, S extends { readonly [slot: string]: Slot }>(
  rule: Rule<O, S>,
): Definition<O> {
  return define('transformation', rule, (options) => ({
    slots: (tensor) => {
      const slots = typeof rule.state === 'function' ? rule.state(options, tensor) : rule.state
      return named(rule.name, slots ?? {})
    },
    update: (g, state, context) => {
      const made = rule.update(g, options, (state[rule.name] ?? {}) as State<S>, context.at(rule.name))
      return 'extent' in made ? [made, {}] : [made[0], named(rule.name, made[1])]
    },
  }))
}

/** What is kept under a name; nothing where there is nothing to keep, before a step and after it. */
const named = <T extends object>(name: string, kept: T): { readonly [name: string]: T } =>
  Object.keys(kept).length === 0 ? {} : { [name]: kept }

/** An optimizer: a chain of transformations under one name, and nothing else. */
export function optimizer<const O extends Options>(
  words: Words<O> & { readonly chain: (options: Bound<O>) => readonly Link[] },
): Definition<O> {
  return define('optimizer', words, (options) => series(words.chain(options)))
}

export function define<O extends Options>(
  kind: Entry['kind'],
  { name, formula, reference, options, refuse }: Words<O>,
  link: (options: Bound<O>) => Link,
): Definition<O> {
  const table: Options = options ?? {}
  const make = (settings: Settings<O> = {}) => {
    const settled = Object.entries(table).map(([key, option]) => [
      key,
      settle(name, key, option, settings[key]),
    ])
    return link(Object.fromEntries(settled) as Bound<O>)
  }
  const entry = {
    kind,
    formula,
    reference,
    options: table,
    make,
    ...(refuse === undefined ? {} : { refuse }),
  }
  Object.defineProperty(make, 'name', { value: name })
  return Object.assign(make, entry) as unknown as Definition<O>
}

const inCode = {
  path: 'a default',
  number: constant,
  schedule: () => unreachable('a schedule'),
  link: () => unreachable('a transformation'),
  condition: () => unreachable('a condition'),
}

function unreachable(what: string): never {
  throw new Error(`The default of an option cannot be ${what}`)
}

function settle(name: string, key: string, option: Option<unknown>, given: unknown): unknown {
  if (given !== undefined) return option.lift?.(given) ?? given
  if (option.fallback === undefined) throw new Error(`${name} needs ${key}`)
  return option.bind(option.fallback, inCode)
}
