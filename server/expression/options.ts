import { constant, type Expr, type Value } from './expr.ts'

/** What an option may be set to in a chain: data, and calls of schedules or transformations. */
export type Setting =
  | null
  | boolean
  | number
  | string
  | readonly Setting[]
  | ReadonlyMap<string, Setting>
  | Term

/** A call in canonical form: options by name, in the order of the signature, defaults left out. */
export interface Term {
  readonly name: string
  readonly args: ReadonlyMap<string, Setting>
}

/** What an option asks of whoever settles it. */
export interface Binder {
  /** The option's path in the chain, for messages. */
  readonly path: string
  /** The option as a number that may change between steps; in a list, the item at `index` of it. */
  readonly number: (value: number, index?: number) => Expr
  readonly schedule: (term: Term) => (count: Expr) => Expr
  /** A transformation inside this one; `key` is its place: a position, a label, `inner`. */
  readonly link: (term: Term, key: string) => unknown
  readonly condition: (term: Term) => unknown
}

/**
 * A kind of option. Options that are numbers travel at run time, as expressions; all others are decisions, settled
 * while tracing.
 */
export interface Option<T> {
  /** As the catalogue shows it: `number`, `flag`, `number | schedule` … */
  readonly type: string
  /** What it is when left out; required when absent. */
  readonly fallback?: Setting
  /** What calls may stand here. */
  readonly takes?: 'schedule' | 'transformation' | 'condition' | 'pattern' | 'dimensions'
  /** May only be given by name, never by position. */
  readonly keywordOnly?: true
  /** Why a setting cannot be, in words that end `expected …`; undefined when it can. */
  readonly refuse: (setting: Setting) => string | undefined
  /** The one form of settings that mean the same. */
  readonly canonical?: (setting: Setting) => Setting
  readonly bind: (setting: Setting, binder: Binder) => T
  /** What code may give in place of a `T`: a plain number for an expression. */
  readonly lift?: (given: unknown) => T
}

export const isTerm = (s: Setting): s is Term =>
  typeof s === 'object' && s !== null && 'name' in s && 'args' in s
const withFallback = (fallback?: Setting) => (fallback === undefined ? {} : { fallback })

const lift = (value: Value): Expr => (typeof value === 'number' ? constant(value) : value)

interface Bounds {
  readonly min?: number
  readonly max?: number
}

function numeric(
  setting: Setting,
  { min = -Infinity, max = Infinity }: Bounds,
  what: string,
): string | undefined {
  if (typeof setting !== 'number') return `expected ${what}`
  if (!Number.isFinite(setting)) return `expected a finite number`
  if (setting < min || setting > max) return `expected ${what} from ${min} to ${max}`
  return undefined
}

/** A number that may change between steps. */
export function number(fallback?: number): Option<Expr> {
  return {
    type: 'number',
    ...withFallback(fallback),
    refuse: (s) => numeric(s, {}, 'a number'),
    bind: (s, binder) => binder.number(s as number),
    lift: (given) => lift(given as Value),
  }
}

/** A number that only matters at the start: it cannot change between steps. */
export const startNumber = (fallback?: number): Option<Expr> => ({
  ...number(fallback),
  bind: (s) => constant(s as number),
})

/** A number that may be left out altogether, which is a decision. */
export const optionalNumber = (): Option<Expr | null> => optional(number())

/** A whole number that shapes the graph. */
export function integer(fallback: number | undefined, bounds: Bounds): Option<number> {
  return {
    type: 'integer',
    ...withFallback(fallback),
    refuse: (s) =>
      numeric(s, bounds, 'an integer') ?? (Number.isSafeInteger(s) ? undefined : 'expected an integer'),
    bind: (s) => s as number,
  }
}

/** A share of the whole, from 0 to 1, that shapes the graph. */
export function share(fallback: number): Option<number> {
  return {
    type: 'number',
    fallback,
    refuse: (s) => numeric(s, { min: 0, max: 1 }, 'a number'),
    bind: (s) => s as number,
  }
}

/** A yes or no. */
export function flag(fallback?: boolean): Option<boolean> {
  return {
    type: 'flag',
    ...withFallback(fallback),
    refuse: (s) => (typeof s === 'boolean' ? undefined : 'expected True or False'),
    bind: (s) => s as boolean,
  }
}

/** An option that stands behind the `*` of its signature: given by name only. */
export const keywordOnly = <T>(option: Option<T>): Option<T> => ({ ...option, keywordOnly: true })

/** A number type for state, or None for the engine's own. */
export function dtype(): Option<'native' | 'BF16'> {
  const known: Record<string, Setting> = { float32: null, F32: null, bfloat16: 'bfloat16', BF16: 'bfloat16' }
  return {
    type: 'dtype',
    fallback: null,
    refuse: (s) =>
      s === null || (typeof s === 'string' && Object.hasOwn(known, s))
        ? undefined
        : 'expected "float32", "bfloat16" or None',
    canonical: (s) => (typeof s === 'string' ? (known[s] ?? null) : s),
    bind: (s) => (s === null ? 'native' : 'BF16'),
  }
}

/** A number, or how it changes with the number of steps taken. */
export interface Rate {
  readonly scheduled: boolean
  /** The value for a step: `count` is how many came before, and is not looked at by a plain number. */
  readonly at: (count: Expr | undefined) => Expr
}

/** A rate that is always the same. */
export const steady = (value: Value): Rate => ({
  scheduled: false,
  at: () => lift(value),
})

function bindRate(s: Setting, binder: Binder): Rate {
  if (!isTerm(s)) return steady(binder.number(s as number))
  const schedule = binder.schedule(s)
  return {
    scheduled: true,
    at(count) {
      if (count === undefined) throw new Error(`The schedule ${s.name} needs a count`)
      return schedule(count)
    },
  }
}

/** A learning rate, a weight decay: a number or a schedule. */
export function rate(fallback?: number): Option<Rate> {
  return {
    type: 'number | schedule',
    takes: 'schedule',
    ...withFallback(fallback),
    refuse: (s) => (isTerm(s) ? undefined : numeric(s, {}, 'a number or a schedule')),
    bind: bindRate,
    lift: (given) => (typeof given === 'number' ? steady(given) : (given as Rate)),
  }
}

/** A rate that may be left out altogether, which is a decision. */
export const optionalRate = (): Option<Rate | null> => optional(rate())

/** A schedule, and nothing else. */
export function scheduled(): Option<Rate> {
  return {
    type: 'schedule',
    takes: 'schedule',
    refuse: (s) =>
      isTerm(s) ? undefined : 'expected a schedule, for instance linear_schedule(1e-3, 0, 1000)',
    bind: bindRate,
  }
}

/** Transformations, applied one after the other. */
export function transforms(): Option<readonly unknown[]> {
  return {
    type: 'transformations',
    takes: 'transformation',
    refuse: (s) =>
      Array.isArray(s) && s.length > 0 && s.every(isTerm)
        ? undefined
        : 'expected one or more transformations',
    bind: (s, binder) => (s as readonly Term[]).map((term, i) => binder.link(term, String(i))),
  }
}

/** One of a few words. */
export function choice<const W extends string>(words: readonly W[], fallback?: W): Option<W> {
  const wanted = `expected ${words.map((word) => `"${word}"`).join(' or ')}`
  return {
    type: words.map((word) => `"${word}"`).join(' | '),
    ...withFallback(fallback),
    refuse: (s) => (words.some((word) => word === s) ? undefined : wanted),
    bind: (s) => s as W,
  }
}

/** The option, or None. */
export function optional<T>({ type, refuse, canonical, bind, lift, ...rest }: Option<T>): Option<T | null> {
  const refusal = (s: Setting) => refuse(s)?.concat(' or None')
  return {
    ...rest,
    type: `${type} | None`,
    fallback: null,
    refuse: (s) => (s === null ? undefined : refusal(s)),
    ...(canonical === undefined ? {} : { canonical: (s) => (s === null ? null : canonical(s)) }),
    bind: (s, binder) => (s === null ? null : bind(s, binder)),
    ...(lift === undefined ? {} : { lift: (given) => (given === null ? null : lift(given)) }),
  }
}

export type Options = { readonly [name: string]: Option<unknown> }
/** Options as a definition's code sees them. */
export type Bound<O extends Options> = { readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never }
