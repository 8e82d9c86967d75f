import {
  type Binder,
  constant,
  leaf,
  type Setting,
  type Tensor,
  type Term,
  type Trace,
} from '../expression/index.ts'
import type { Link } from '../transformations/form/link.ts'
import { type Asked, trace } from '../transformations/form/record.ts'
import { join } from '../transformations/form/recorder.ts'
import { type Catalogued, catalogue } from './catalogue.ts'

/** Record what a canonical chain does to each tensor. Its options that may change between steps go by their paths. */
export function record(term: Term, tensors: readonly Tensor[], asked: Asked): Trace {
  const options = new Map<string, number>()
  return trace(bindTerm(term, '', options), tensors, options, asked)
}

function bindTerm(term: Term, path: string, options: Map<string, number>): Link {
  const entry = named(term)
  if (entry.kind === 'schedule') throw new Error(`${term.name} is a schedule`)
  return entry.make(
    settled(term, entry, (name) => ({
      number: (value) => {
        options.set(join(path, name), value)
        return leaf({ op: 'option', path: join(path, name) }, 'host')
      },
      schedule: bindSchedule,
      link: (inner, key) => bindTerm(inner, join(path, key), options),
    })),
  )
}

/** The numbers of a schedule do not change: what changes with time is what it is for. */
function bindSchedule(term: Term): ReturnType<Binder['schedule']> {
  const entry = named(term)
  if (entry.kind !== 'schedule') throw new Error(`${term.name} is no schedule`)
  const link = () => {
    throw new Error(`The schedule ${term.name} cannot hold a transformation`)
  }
  const options = settled(term, entry, () => ({ number: constant, schedule: bindSchedule, link }))
  return (count) => entry.value(count, options as never)
}

function settled(term: Term, entry: Catalogued, binder: (option: string) => Binder) {
  const options: [string, unknown][] = Object.entries(entry.options).map(([name, option]) => {
    const setting: Setting | undefined = term.args.get(name) ?? option.fallback
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
