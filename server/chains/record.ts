import { Problem } from '../../schemas/errors.ts'
import {
  type Binder,
  constant,
  type Expr,
  leaf,
  Refusal,
  type Setting,
  type Tensor,
  type Term,
  type Trace,
} from '../expression/index.ts'
import type { Facts } from '../transformations/form/condition.ts'
import type { Link } from '../transformations/form/link.ts'
import { type Asked, trace } from '../transformations/form/record.ts'
import { join } from '../transformations/form/slots.ts'
import { type Catalogued, catalogue } from './catalogue.ts'

/**
 * Record what a canonical chain does to each tensor. Its options that may change between steps go by their paths.
 *
 * @throws Problem `bad_option` where the chain cannot be for these tensors
 */
export function record(term: Term, tensors: readonly Tensor[], asked: Asked): Trace {
  const options = new Map<string, number>()
  try {
    return trace(bindTerm(term, '', options), tensors, options, asked)
  } catch (error) {
    throw error instanceof Refusal ? new Problem('bad_option', error.message) : error
  }
}

function bindTerm(term: Term, path: string, options: Map<string, number>): Link {
  const entry = named(term)
  if (entry.kind !== 'transformation' && entry.kind !== 'optimizer')
    throw new Error(`${term.name} is a ${entry.kind}`)
  return entry.make(settled(term, entry, binderAt(path, options)))
}

function bindCondition(term: Term, path: string, options: Map<string, number>): (facts: Facts) => Expr {
  const entry = named(term)
  if (entry.kind !== 'condition') throw new Error(`${term.name} is no condition`)
  const settings = settled(term, entry, binderAt(path, options))
  return (facts) => entry.holds(facts, settings as never)
}

/** For the options of what stands at a path: their numbers can change between steps. */
const binderAt =
  (path: string, options: Map<string, number>) =>
  (name: string): Binder => ({
    path: join(path, name),
    number: (value, index) => {
      const place = join(path, index === undefined ? name : `${name}[${index}]`)
      options.set(place, value)
      return leaf({ op: 'option', path: place }, 'host')
    },
    schedule: bindSchedule,
    link: (inner, key) => bindTerm(inner, join(path, key), options),
    condition: (inner) => bindCondition(inner, join(path, name), options),
  })

/** The numbers of a schedule do not change: what changes with time is what it is for. */
function bindSchedule(term: Term): ReturnType<Binder['schedule']> {
  const entry = named(term)
  if (entry.kind !== 'schedule') throw new Error(`${term.name} is no schedule`)
  const none = (what: string) => () => {
    throw new Error(`The schedule ${term.name} cannot hold a ${what}`)
  }
  const binder = {
    path: term.name,
    number: constant,
    schedule: bindSchedule,
    link: none('transformation'),
    condition: none('condition'),
  }
  const options = settled(term, entry, () => binder)
  return (count) => entry.value(count, options as never)
}

function settled(term: Term, entry: Catalogued, binder: (option: string) => Binder) {
  const options: [string, unknown][] = Object.entries(entry.options).map(([name, option]) => {
    // Not `??`: None is a setting too, also where it is not the default.
    const setting: Setting | undefined = term.args.has(name) ? term.args.get(name) : option.fallback
    if (setting === undefined) throw new Error(`${term.name} has no ${name}`)
    return [name, option.bind(setting, binder(name))]
  })
  return Object.fromEntries(options)
}

function named({ name }: Term): Catalogued {
  const entry = catalogue.get(name)
  if (entry === undefined) throw new Error(`${name} is not in the catalogue`)
  return entry
}
