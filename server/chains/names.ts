import { shorten } from './syntax.ts'

/** Modules that a pasted line names in front of Optax's own, longest first. */
const prefixes = [
  'optax.contrib.',
  'optax.transforms.',
  'optax.schedules.',
  'optax.projections.',
  'optax.',
  'contrib.',
] as const

/** The name by which a call is looked up: `optax.contrib.muon` is `muon`. */
export const plainName = (name: string): string => {
  const prefix = prefixes.find((prefix) => name.startsWith(prefix))
  return prefix === undefined ? name : name.slice(prefix.length)
}

export const constants: ReadonlyMap<string, boolean | null> = new Map([
  ['True', true],
  ['False', false],
  ['None', null],
])

/** Modules whose attributes are number types. */
const typeModules = new Set(['jnp', 'jax.numpy', 'np', 'numpy', 'ml_dtypes', 'torch', 'tf', 'mx'])

/** The string that a dotted name such as `jnp.bfloat16` stands for, if it is one. */
export const dtypeName = (name: string): string | undefined => {
  const dot = name.lastIndexOf('.')
  const last = name.slice(dot + 1)
  return typeModules.has(name.slice(0, dot)) && !advice.has(last) ? last : undefined
}

/** What would be right in place of a name that stands alone and is no value. */
export const adviceFor = (name: string): string => {
  if (numberTypes.has(name)) return `write "${name}"`
  const plain = plainName(name)
  const call = `${shorten(plain)}(...)`
  return (
    advice.get(name.slice(name.lastIndexOf('.') + 1)) ??
    (plain === name
      ? `a chain is data and knows no variables, so write the number or the schedule in its place, or ${call} if it names a transformation`
      : `it names a function, so call it: ${call}`)
  )
}

const numberTypes = new Set(['float32', 'bfloat16', 'float16'])

const finite = 'numbers are finite, so write one, or leave the option out'

const advice: ReadonlyMap<string, string> = new Map([
  ['inf', finite],
  ['infinity', finite],
  ['Infinity', finite],
  ['nan', finite],
  ['NaN', finite],
  ['true', 'write True'],
  ['false', 'write False'],
  ['null', 'write None'],
  [
    'lambda',
    'a chain is data, so write a glob over tensor names, a list of them, ndim(2) or a mapping instead',
  ],
])

const partialAdvice = 'write the call itself, skip_large_updates(max_squared_norm=10.0)'

/** Calls that a pasted line makes and a chain does not: what is right in their place. */
export const callAdvice: ReadonlyMap<string, string> = new Map([
  // Python's own conversions: of numbers, `float("inf")` above all.
  ...['float', 'int'].map((name) => [name, `write the number itself; ${finite}`] as const),
  ...['partial', 'functools.partial'].map((name) => [name, partialAdvice] as const),
])
