import { matchesGlob } from './globs.ts'
import type { Option, Setting } from './options.ts'
import { Refusal } from './refusal.ts'
import type { Tensor } from './trace.ts'

/** Whether a tensor is meant. */
export type Mask = (tensor: Tensor) => boolean
/** Which of several transformations a tensor goes to. */
export type Labels = (tensor: Tensor) => string

/** Of one pattern in characters, of one option in patterns. */
const limits = { length: 128, patterns: 256 } as const

/** A tensor's number of dimensions as a pattern, `ndim(2)`; undefined for a glob. */
function rankIn(pattern: string): number | undefined {
  if (!pattern.startsWith('ndim(') || !pattern.endsWith(')')) return undefined
  const digits = pattern.slice('ndim('.length, -1)
  return /^[0-9]{1,2}$/.test(digits) ? Number(digits) : Number.NaN
}

/** Looks at the name only where it must, and then asks: tensors that differ in nothing asked are recorded once. */
function matchesPattern(pattern: string, tensor: Tensor): boolean {
  const rank = rankIn(pattern)
  if (rank !== undefined) return tensor.rank === rank
  if (pattern === '**') return true
  const question = (name: string) => matchesGlob(pattern, name)
  return tensor.ask === undefined ? question(tensor.name) : tensor.ask(question)
}

/** Why these cannot be patterns. */
export function refusePatterns(patterns: readonly Setting[]): string | undefined {
  if (patterns.length > limits.patterns)
    return `${patterns.length} patterns are too many, expected at most ${limits.patterns}`
  for (const pattern of patterns) {
    if (typeof pattern !== 'string') return 'expected patterns such as "**/kernel" or "ndim(2)"'
    if (pattern === '' || pattern.length > limits.length)
      return `expected patterns of 1 to ${limits.length} characters`
    if (Number.isNaN(rankIn(pattern)))
      return 'expected ndim(n) with a number of dimensions, such as "ndim(2)"'
  }
  return undefined
}

/** The value of the first pattern that matches a tensor. */
export function firstMatch<T>(entries: ReadonlyMap<string, T>, tensor: Tensor, path: string): T {
  for (const [pattern, value] of entries) if (matchesPattern(pattern, tensor)) return value
  const patterns = [...entries.keys()].map((pattern) => JSON.stringify(pattern)).join(', ')
  throw new Refusal(
    `${path} says nothing of the tensor ${tensor.name}: none of ${patterns} matches it; add "**" for all others`,
  )
}

const isList = (s: Setting): s is readonly Setting[] => Array.isArray(s)

/**
 * Tensors to treat: all (True), none (False), those that match a pattern or one of a list, or a mapping of patterns to
 * True or False of which the first that matches counts. A pattern is a glob over names, or `ndim(2)`.
 */
export function mask(fallback?: null | boolean): Option<Mask> {
  const wanted =
    'expected True, False, a pattern such as "**/kernel" or ndim(2), a list of them, or a mapping of patterns to True or False'
  return {
    type: fallback === null ? 'mask | None' : 'mask',
    takes: 'pattern',
    ...(fallback === undefined ? {} : { fallback }),
    refuse(s) {
      if (typeof s === 'boolean' || (s === null && fallback === null)) return undefined
      if (typeof s === 'string') return refusePatterns([s])
      if (isList(s)) return refusePatterns(s)
      if (!(s instanceof Map)) return wanted
      return [...s.values()].every((on) => typeof on === 'boolean') ? refusePatterns([...s.keys()]) : wanted
    },
    bind(s, { path }) {
      if (s === null || typeof s === 'boolean') return () => s ?? true
      if (s instanceof Map) return (tensor) => firstMatch(s as ReadonlyMap<string, boolean>, tensor, path)
      const patterns = (isList(s) ? s : [s]) as readonly string[]
      return (tensor) => patterns.some((pattern) => matchesPattern(pattern, tensor))
    },
  }
}

/** A mapping of patterns to labels, of which the first that matches counts; or one label for all tensors. */
export function labels(): Option<Labels> {
  const wanted = 'expected a mapping of patterns to labels such as {"**/kernel": "decay", "**": "rest"}'
  const toText = (s: Setting): Setting => (Number.isInteger(s) ? String(s) : s)
  return {
    type: 'labels',
    takes: 'pattern',
    refuse(s) {
      const isLabel = (label: Setting) => typeof toText(label) === 'string'
      if (!(s instanceof Map)) return isLabel(s) ? undefined : wanted
      return [...s.values()].every(isLabel) ? refusePatterns([...s.keys()]) : wanted
    },
    canonical: (s) =>
      s instanceof Map ? new Map([...s].map(([pattern, label]) => [pattern, toText(label)])) : toText(s),
    bind(s, { path }) {
      if (s instanceof Map) return (tensor) => firstMatch(s as ReadonlyMap<string, string>, tensor, path)
      return () => s as string
    },
  }
}
