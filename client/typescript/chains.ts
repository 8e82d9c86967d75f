/**
 * Chains as typed calls with Optax's names: `chain(clip(1.0), centralize(), adam(1e-3, { b1: 0.95 }))`.
 * Required options stand in order, the others in an object after them; or all in one object.
 */

declare const sort: unique symbol
type Sort = 'transformation' | 'schedule'

/** A call as data: the wire's tree form of an expression. */
export interface Tree<S extends Sort = Sort> {
  readonly name: string
  readonly args: Readonly<Record<string, unknown>>
  /** For the type checker alone, so that a schedule is not taken for a transformation. */
  readonly [sort]?: S
}
export type Transformation = Tree<'transformation'>
export type Schedule = Tree<'schedule'>
/** An Optax line, a tree, or the name of a registered chain. */
export type Chain = string | Transformation

/** What an option takes: only its type matters. */
interface Kind<T> {
  readonly type?: T
}
const number: Kind<number> = {}
const flag: Kind<boolean> = {}
const rate: Kind<number | Schedule> = {}
const schedule: Kind<Schedule> = {}
const dtype: Kind<'float32' | 'bfloat16'> = {}

type ValueOf<K> = K extends Kind<infer T> ? T : never
type Options = Readonly<Record<string, Kind<unknown>>>
/** Required options in Optax's order, each an object of one name. */
type Required = readonly Options[]
type InOrder<R extends Required> = { readonly [i in keyof R]: ValueOf<R[i][keyof R[i]]> }
type NamesOf<R> = R extends unknown ? keyof R : never
type Named<R extends Required> = {
  readonly [name in NamesOf<R[number]>]: ValueOf<Extract<R[number], Record<name, unknown>>[name]>
}
type Others<O extends Options> = { readonly [name in keyof O]?: ValueOf<O[name]> } & object
type Builder<S extends Sort, R extends Required, O extends Options> = (
  ...args: [...InOrder<R>, options?: Others<O>] | [options: Named<R> & Others<O>]
) => Tree<S>

const isOptions = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !('args' in value)

const builder =
  <S extends Sort>() =>
  <const R extends Required, O extends Options>(name: string, required: R, _others: O): Builder<S, R, O> => {
    const names = required.flatMap((option) => Object.keys(option))
    return (...args: readonly unknown[]) => {
      const options = args.find(isOptions)
      const inOrder = args.filter((value) => value !== options).map((value, i) => [names[i] ?? i, value])
      return { name, args: { ...Object.fromEntries(inOrder), ...options } }
    }
  }
const transformation = builder<'transformation'>()
const scheduled = builder<'schedule'>()

const moments = { b1: number, b2: number, eps: number, eps_root: number, mu_dtype: dtype, nesterov: flag }
const squares = { eps: number, initial_scale: number, eps_in_sqrt: flag, bias_correction: flag }
const momentum = { momentum: number, nesterov: flag }

/** Apply transformations one after the other. */
export const chain = (...transforms: readonly Transformation[]): Transformation => ({
  name: 'chain',
  args: { transforms },
})

export const identity = transformation('identity', [], {})
export const clip = transformation('clip', [{ max_delta: number }], {})
export const clip_by_global_norm = transformation('clip_by_global_norm', [{ max_norm: number }], {})
export const centralize = transformation('centralize', [], {})
export const scale = transformation('scale', [{ step_size: number }], {})
export const scale_by_learning_rate = transformation('scale_by_learning_rate', [{ learning_rate: rate }], {
  flip_sign: flag,
})
export const scale_by_schedule = transformation('scale_by_schedule', [{ step_size_fn: schedule }], {})
export const scale_by_adam = transformation('scale_by_adam', [], moments)
export const scale_by_rms = transformation('scale_by_rms', [], { decay: number, ...squares })
export const scale_by_stddev = transformation('scale_by_stddev', [], { decay: number, ...squares })
export const trace = transformation('trace', [{ decay: number }], {
  nesterov: flag,
  accumulator_dtype: dtype,
})
export const ema = transformation('ema', [{ decay: number }], { debias: flag, accumulator_dtype: dtype })
export const add_decayed_weights = transformation('add_decayed_weights', [], { weight_decay: rate })

export const sgd = transformation('sgd', [{ learning_rate: rate }], { ...momentum, accumulator_dtype: dtype })
export const adam = transformation('adam', [{ learning_rate: rate }], moments)
export const adamw = transformation('adamw', [{ learning_rate: rate }], {
  ...moments,
  weight_decay: number,
})
export const rmsprop = transformation('rmsprop', [{ learning_rate: rate }], {
  decay: number,
  ...squares,
  centered: flag,
  ...momentum,
})

const cosine = { alpha: number, exponent: number }
export const constant_schedule = scheduled('constant_schedule', [{ value: number }], {})
export const linear_schedule = scheduled(
  'linear_schedule',
  [{ init_value: number }, { end_value: number }, { transition_steps: number }],
  { transition_begin: number },
)
export const cosine_decay_schedule = scheduled(
  'cosine_decay_schedule',
  [{ init_value: number }, { decay_steps: number }],
  cosine,
)
export const warmup_cosine_decay_schedule = scheduled(
  'warmup_cosine_decay_schedule',
  [{ init_value: number }, { peak_value: number }, { warmup_steps: number }, { decay_steps: number }],
  { end_value: number, exponent: number },
)
