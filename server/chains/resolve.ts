import { type ErrorCode, Problem } from '../../schemas/errors.ts'
import type { Option, Setting, Term } from '../expression/index.ts'
import { type Catalogued, catalogue } from './catalogue.ts'
import { nearest } from './nearest.ts'
import { printValue } from './print.ts'
import {
  type Argument,
  type Call,
  describe,
  isCall,
  isList,
  isMapping,
  type Located,
  spreads,
  type Value,
} from './syntax.ts'
import { unavailable, whyNot } from './unavailable.ts'

/**
 * Look up every name of an expression and settle every option: what comes out is canonical, so that two ways to
 * write one chain give the same.
 *
 * @throws Problem `unknown_transformation`, `bad_option`; with `position` in a text, `path` in a tree
 */
export function resolve(call: Call, wanted: Wanted = 'transformation'): Term {
  const entry = find(call, wanted)
  const given = argumentsOf(call, entry)
  const args = new Map<string, Setting>()
  const all: Record<string, Setting> = {}
  for (const [name, option] of Object.entries(entry.options)) {
    const argument = given.get(name)
    if (argument === undefined && option.fallback === undefined)
      throw refuse(
        'bad_option',
        `${call.name} ${call.where} needs ${name} (${option.type}). ${signature(entry)}`,
        call,
      )
    const setting = argument === undefined ? option.fallback : settle(argument, name, option, entry)
    if (setting === undefined) continue
    all[name] = setting
    if (setting !== option.fallback) args.set(name, setting)
  }
  const conflict = entry.refuse?.(all)
  if (conflict !== undefined)
    throw refuse('bad_option', `Cannot take ${call.name} ${call.where}: ${conflict}`, call)
  return { name: entry.name, args }
}

/** What may be called at a place. */
type Wanted = 'transformation' | 'schedule' | 'condition'

function find(call: Call, wanted: Wanted): Catalogued {
  const entry = catalogue.get(call.name)
  const fits = (kind: Catalogued['kind']) => (kind === 'optimizer' ? 'transformation' : kind) === wanted
  if (entry !== undefined && fits(entry.kind)) return entry
  const never = unavailable.get(call.name)
  if (never !== undefined)
    throw refuse('unknown_transformation', whyNot(never, call.where), call, { nearest: [] })
  const names = [...catalogue.values()].filter(({ kind }) => fits(kind)).map(({ name }) => name)
  const near = nearest(call.name, names)
  const instead =
    near.length > 0 ? `; did you mean ${near.join(' or ')}?` : '; GET /v1/transformations lists what there is'
  const what =
    entry === undefined
      ? `No ${wanted} is called ${call.name}`
      : `${call.name} is ${entry.kind === 'optimizer' ? 'an' : 'a'} ${entry.kind}, no ${wanted}`
  throw refuse('unknown_transformation', `${what}, ${call.where}${instead}`, call, { nearest: near })
}

/** Arguments by the names of their options. */
function argumentsOf(call: Call, entry: Catalogued): Map<string, Argument> {
  const names = Object.entries(entry.options).filter(([, option]) => option.keywordOnly !== true)
  const given = new Map<string, Argument>()
  const spread = spreads.get(entry.name)
  if (spread !== undefined)
    given.set(spread, { value: call.positional.map(({ value }) => value), where: call.where })
  else {
    call.positional.forEach((argument, i) => {
      const name = names[i]?.[0]
      if (name !== undefined) given.set(name, argument)
      else
        throw refuse(
          'bad_option',
          `${entry.name} takes ${names.length} arguments by position, found ${call.positional.length} ${argument.where}. ${signature(entry)}`,
          argument,
        )
    })
  }
  for (const argument of call.keyword) {
    const { name, where } = argument
    if (!Object.hasOwn(entry.options, name)) {
      const near = nearest(name, Object.keys(entry.options))
      const instead = near.length > 0 ? `; did you mean ${near.join(' or ')}?` : '.'
      throw refuse(
        'bad_option',
        `${entry.name} has no option ${name}, ${where}${instead} ${signature(entry)}`,
        argument,
        { nearest: near },
      )
    }
    if (given.has(name))
      throw refuse('bad_option', `${entry.name} is given ${name} twice, again ${where}`, argument)
    given.set(name, argument)
  }
  return given
}

function settle(argument: Argument, name: string, option: Option<unknown>, entry: Catalogued): Setting {
  const setting = toSetting(argument, option, `${name} of ${entry.name}`)
  const refusal = option.refuse(setting)
  if (refusal !== undefined) {
    const found = `found ${describe(argument.value)}`
    throw refuse(
      'bad_option',
      `Cannot take ${name} of ${entry.name} ${argument.where}: ${refusal}, ${found}`,
      argument,
    )
  }
  return option.canonical === undefined ? setting : option.canonical(setting)
}

function toSetting(argument: Argument, option: Option<unknown>, what: string): Setting {
  const convert = (value: Value): Setting => {
    if (isList(value)) return value.map(convert)
    if (isCall(value)) {
      const { takes } = option
      if ((takes === 'pattern' || takes === 'dimensions') && value.name === 'ndim') return rankPattern(value)
      if (takes === 'dimensions' && /^(Muon|GaLore)DimensionNumbers$/.test(value.name))
        return dimensionPair(value, convert)
      if (takes !== undefined && takes !== 'pattern' && takes !== 'dimensions') return resolve(value, takes)
      throw refuse(
        'bad_option',
        `Cannot take ${what} ${argument.where}: expected ${option.type}, found a call of ${value.name}`,
        argument,
      )
    }
    if (isMapping(value)) return new Map(value.entries.map((entry) => [entry.name, convert(entry.value)]))
    return value
  }
  return convert(argument.value)
}

/** `MuonDimensionNumbers(0, 1)`, or that of GaLore: its two arguments. */
function dimensionPair({ positional, keyword }: Call, convert: (value: Value) => Setting): Setting {
  const named = (name: string, k: number, fallback: number) => {
    const given = keyword.find((argument) => argument.name === name) ?? positional[k]
    return given === undefined ? fallback : convert(given.value)
  }
  return [named('reduction_axis', 0, 0), named('output_axis', 1, 1)]
}

/** `ndim(2)`, called: the pattern "ndim(2)". */
function rankPattern({ positional, keyword }: Call): string {
  const given = [...positional, ...keyword].map(({ value }) =>
    typeof value === 'number' ? String(value) : describe(value),
  )
  return `ndim(${given.join(', ')})`
}

function signature({ name, options }: Catalogued): string {
  const words = Object.entries(options).map(([key, { fallback, type }]) => {
    return fallback === undefined ? `${key}: ${type}` : `${key}=${printValue(fallback)}`
  })
  return `It is ${name}(${words.join(', ')})`
}

function refuse(code: ErrorCode, detail: string, { position, where }: Located, more: object = {}): Problem {
  const at =
    position === undefined
      ? { path: where === 'at the root of the tree' ? '' : where.replace(/^at /, '') }
      : { position }
  return new Problem(code, detail, { ...at, ...more })
}
