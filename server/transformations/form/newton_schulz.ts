import { constant, type Expr, isTerm, type Option, type Setting } from '../../expression/index.ts'

/** a, b and c of X ← a · X + (b · A + c · A²) · X: three numbers for all steps, or three for each. */
export interface Coefficients {
  readonly numbers: readonly Expr[]
  /** Given for each step: how many there are. */
  readonly steps?: number
}

const presets: ReadonlyMap<string, Setting> = new Map<string, Setting>([
  ['standard', [3.4445, -4.775, 2.0315]],
  [
    'dion',
    [
      [4.0848, -6.8946, 2.927],
      [3.9505, -6.3029, 2.6377],
      [3.7418, -5.5913, 2.3037],
      [2.8769, -3.1427, 1.2046],
      [2.8366, -3.0525, 1.2012],
    ],
  ],
])
const standard = [3.4445, -4.775, 2.0315]

const isTriple = (s: Setting): s is readonly number[] =>
  Array.isArray(s) && s.length === 3 && s.every((x) => typeof x === 'number' && Number.isFinite(x))

/** Triples for each step, if that is what they are. */
export const triples = (s: Setting): readonly (readonly number[])[] | undefined => {
  const given = typeof s === 'string' ? presets.get(s) : s
  return Array.isArray(given) && given.length > 0 && given.length <= 32 && given.every(isTriple)
    ? given
    : undefined
}

/** Numbers, or the name of a preset where `named`. */
export function coefficients(named: boolean): Option<Coefficients> {
  const names = [...presets.keys()].map((name) => `"${name}"`).join(' or ')
  return {
    type: `(number, number, number) | list of them${named ? ` | ${names}` : ''}`,
    fallback: standard,
    refuse(s) {
      if (named && typeof s === 'string' && presets.has(s)) return undefined
      if (!isTerm(s) && typeof s !== 'string' && (isTriple(s) || triples(s) !== undefined)) return undefined
      return `expected three numbers, or up to 32 times three${named ? `, or ${names}` : ''}`
    },
    canonical: (s) => (isTriple(s) && s.every((x, i) => x === standard[i]) ? standard : s),
    bind(s, binder) {
      const number = (x: number, k: number) => (typeof s === 'string' ? constant(x) : binder.number(x, k))
      const each = triples(s)
      if (each === undefined) return { numbers: (isTriple(s) ? s : standard).map(number) }
      return { numbers: each.flat().map(number), steps: each.length }
    },
    lift: (given) => given as Coefficients,
  }
}

/** Why so many steps cannot be. */
export function tooFewSteps({ ns_coeffs, ns_steps }: Readonly<Record<string, Setting>>): string | undefined {
  const given = triples(ns_coeffs ?? null)?.length ?? 0
  return given > Number(ns_steps)
    ? `ns_coeffs has coefficients for ${given} steps and ns_steps is ${ns_steps}, expected at least ${given}`
    : undefined
}
