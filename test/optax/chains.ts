import { type Catalogued, catalogue } from '../../server/chains/catalogue.ts'
import { oneOf } from '../chains/random.ts'
import { drawLabels, drawMask } from './masks.ts'
import { type Random, settingFor } from './settings.ts'

type Option = Catalogued['options'][string] & { readonly name: string }

const ofKind = (...kinds: readonly Catalogued['kind'][]) =>
  [...catalogue.values()].filter(({ kind }) => kinds.includes(kind))
const optionsOf = ({ options }: Catalogued): Option[] =>
  Object.entries(options).map(([name, option]) => ({ name, ...option }))
const schedules = ofKind('schedule')
/** Those that join no others. */
const plain = schedules.filter((entry) => optionsOf(entry).every(({ type }) => type !== 'list of schedule'))
const conditions = ofKind('condition')
const holds = (entry: Catalogued) => optionsOf(entry).some(({ takes }) => takes === 'transformation')
const links = ofKind('transformation', 'optimizer')
const leaves = links.filter((entry) => !holds(entry))
const wrappers = links.filter(holds)

/** Transformations that fail in Optax on other tensors. */
const onlyFor: Readonly<Record<string, string>> = {
  scale_by_muon: 'ndim(2)',
  scale_by_sm3: "{'ndim(0)': False, '**': True}",
  sm3: "{'ndim(0)': False, '**': True}",
}

/** What keeps the parameters that it starts at. */
const keepFirst = [
  ...['cocob', 'dog', 'dowg', 'lookahead', 'madgrad', 'prodigy', 'sam', 'scale_by_cocob'],
  ...['scale_by_distance_over_gradients', 'scale_by_madgrad', 'schedule_free', 'schedule_free_adamw'],
  'schedule_free_sgd',
]

/**
 * What is not compared within a wrapper. Of those that may leave out a first step, or start a state anew, Optax takes
 * the first parameters when the whole chain starts, or at the step before the new state's first, the service at the
 * first step that is taken. Noise on one vector is refused here.
 */
const notWithin: Readonly<Record<string, readonly string[]>> = {
  MultiSteps: keepFirst,
  apply_if_finite: keepFirst,
  conditionally_mask: keepFirst,
  conditionally_transform: keepFirst,
  flatten: ['add_noise', 'noisy_sgd'],
  lookahead: keepFirst,
  sam: keepFirst,
}

/** Options that Optax takes as numbers only, though it says otherwise. */
const neverScheduled = ['sm3.learning_rate', 'MultiSteps.every_k_schedule']

/** Options whose default is float32 among float64, or so small that what comes out is all rounding. */
const alwaysGiven = ['adafactor.dtype_momentum', 'mechanize.s_init', 'rmsprop.eps', 'scale_by_stddev.eps']

/** Where a call stands: how deep, and what cannot stand there. */
interface Place {
  readonly depth: number
  readonly without: readonly string[]
}

/** Calls within calls: deeper ones say nothing new. */
const deepest = 2

/** A chain of 1 to 6 links over the whole catalogue, as text that both Optax and the service read. */
export function drawChain(random: Random): string {
  const top = { depth: 0, without: [] }
  const length = 1 + random(6)
  if (length === 1 && random(2) === 0) return drawLink(random, top)
  return `chain(${times(length, () => drawLink(random, top)).join(', ')})`
}

export const times = <T>(n: number, make: (i: number) => T): T[] =>
  Array.from({ length: n }, (_, i) => make(i))

/** One link: as often one that holds others as not too many chains are deep. */
function drawLink(random: Random, place: Place): string {
  const among = place.depth < deepest && random(4) === 0 ? wrappers : leaves
  const allowed = among.filter(({ name }) => !place.without.includes(name))
  return drawCall(random, allowed, place)
}

function drawCall(random: Random, among: readonly Catalogued[], place: Place): string {
  const entry = oneOf(random, among)
  const call = `${entry.name}(${drawArguments(random, entry, place).join(', ')})`
  const tensors = onlyFor[entry.name]
  return tensors === undefined ? call : `masked(${call}, ${tensors})`
}

/** Arguments by position as far as chance has it, then by name. */
function drawArguments(random: Random, entry: Catalogued, place: Place): string[] {
  const drawn: string[] = []
  let positional = random(3) > 0
  for (const option of optionsOf(entry)) {
    positional &&= option.keywordOnly !== true
    const given =
      option.fallback === undefined || alwaysGiven.includes(`${entry.name}.${option.name}`) || random(5) < 2
    const text = given ? drawOption(random, entry, option, place) : undefined
    if (text === undefined) positional = false
    else if (variadic(option)) drawn.push(text)
    else drawn.push(positional ? text : `${option.name}=${text}`)
  }
  return drawn
}

/** Written as arguments of their own, `*args` in Optax. */
const variadic = ({ type }: Option) => type === 'transformations' || type === '(name, transformation) …'

/** The text of an option; undefined to leave it out. */
function drawOption(random: Random, entry: Catalogued, option: Option, place: Place): string | undefined {
  const { name, type, fallback } = option
  const without = [...place.without, ...(notWithin[entry.name] ?? [])]
  const deeper = () => drawLink(random, { depth: place.depth + 1, without })
  if (type.includes('| None') && random(4) === 0) return 'None'
  const kind = type.replace(' | None', '')
  if (kind === 'flag') return oneOf(random, ['True', 'False'])
  if (kind === 'dtype')
    return settingFor(random, entry.name, name) ?? oneOf(random, ['None', 'None', 'jnp.bfloat16'])
  if (kind === 'mask') return drawMask(random)
  if (kind === 'labels') return drawLabels(random)
  if (kind === 'condition') return drawCall(random, conditionsFor(option), place)
  if (kind === 'transformation') return deeper()
  if (kind === 'transformations') return times(1 + random(3), deeper).join(', ')
  if (kind === '(name, transformation) …')
    return times(1 + random(3), (i) => `('${i}n', ${deeper()})`).join(', ')
  if (kind === '{label: transformation}') return `{'a': ${deeper()}, 'b': ${deeper()}}`
  if (kind === 'list of schedule') return `[${times(2, () => drawCall(random, plain, place)).join(', ')}]`
  if (kind === 'list of integer') return `[${1 + random(4)}]`
  const canVary = kind.endsWith('| schedule') && !neverScheduled.includes(`${entry.name}.${name}`)
  if (kind === 'schedule' || (canVary && random(4) === 0)) return drawCall(random, schedules, place)
  if (/^"\w+\+?"( \| "\w+\+?")*$/.test(kind)) return oneOf(random, kind.split(' | '))
  const text = settingFor(random, entry.name, name)
  if (text !== undefined || fallback !== undefined) return text
  throw new Error(`The table of settings has nothing for ${name} of ${entry.name}: add ${name}, a ${type}`)
}

/** MultiSteps asks of gradients whether to skip them, all others of the step. */
const conditionsFor = ({ name }: Option) =>
  conditions.filter((entry) => (name === 'should_skip_update_fn') === entry.name.startsWith('skip_'))
