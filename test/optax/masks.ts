import { oneOf } from '../chains/random.ts'
import type { Random } from './settings.ts'

/** Names of tensors, sorted as Optax sorts them; a chain has the first few or some of them. */
export const names = [
  'bias',
  'block/bias',
  'block/kernel',
  'conv',
  'dense/bias',
  'dense/kernel',
  'embed',
  'gain',
] as const

const patterns = [
  'b*',
  '**/kernel',
  '**/bias',
  'bias',
  'ndim(1)',
  'ndim(2)',
  '?ain',
  'e*',
  'block/**',
  'conv',
] as const

const quoted = (text: string) => `'${text}'`

/** Of all that a mask may be written as: a word, a pattern, a list, a mapping. */
export function drawMask(random: Random): string {
  const some = () => quoted(oneOf(random, patterns))
  const flag = () => oneOf(random, ['True', 'False'])
  const forms = [
    () => flag(),
    () => some(),
    () => `ndim(${random(4)})`,
    () => `[${some()}, ${some()}]`,
    () => `{${some()}: ${flag()}, '**': ${flag()}}`,
  ] as const
  return oneOf(random, forms)()
}

/** Labels for the transformations `a` and `b`. */
export function drawLabels(random: Random): string {
  const label = () => oneOf(random, ["'a'", "'b'"])
  const [one, other] = [random(patterns.length), random(patterns.length)].map((i) => patterns[i])
  const keys = [...new Set([one, other])].map((pattern) => `'${pattern}': ${label()}`)
  return `{${[...keys, `'**': ${label()}`].join(', ')}}`
}
