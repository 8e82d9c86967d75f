import type { Expr } from './expr.ts'
import type { Bound, Option, Options, Setting } from './options.ts'

/** Entries that a mapping may have. */
const longest = 256

/** The keyword arguments of a call, as a mapping: `{"init_value": 0.0, "decay_steps": 100}`. */
export function keywords<const O extends Options>(
  options: O,
  refuseTogether?: (settings: { readonly [K in keyof O]: Setting }) => string | undefined,
): Option<Bound<O>> {
  const wanted = `expected a mapping of ${Object.keys(options).join(', ')}`
  const fields = Object.entries(options).map(
    ([name, { type, fallback }]) => `${name}${fallback === undefined ? '' : '?'}: ${type}`,
  )
  const given = (s: Setting, name: string, { fallback }: Option<unknown>): Setting | undefined => {
    const entries = s as ReadonlyMap<string, Setting>
    return entries.has(name) ? entries.get(name) : fallback
  }
  return {
    type: `{${fields.join(', ')}}`,
    refuse(s) {
      if (!(s instanceof Map)) return wanted
      const unknown = [...s.keys()].find((name) => !Object.hasOwn(options, name))
      if (unknown !== undefined) return `it has ${unknown.slice(0, 40)}, ${wanted}`
      for (const [name, option] of Object.entries(options)) {
        const setting = given(s, name, option)
        if (setting === undefined) return `it has no ${name}, ${wanted}`
        const refusal = option.refuse(setting)
        if (refusal !== undefined) return `${name}: ${refusal}`
      }
      const all = Object.entries(options).map(([name, option]) => [name, given(s, name, option)])
      return refuseTogether?.(Object.fromEntries(all))
    },
    canonical: (s) =>
      new Map(
        Object.entries(options).flatMap(([name, option]): [string, Setting][] => {
          const setting = given(s, name, option)
          return setting === undefined || setting === option.fallback ? [] : [[name, setting]]
        }),
      ),
    bind(s, binder) {
      const bound = Object.entries(options).map(([name, option]) => [
        name,
        option.bind(given(s, name, option) ?? null, binder),
      ])
      return Object.fromEntries(bound)
    },
  }
}

/** From this step on the value is multiplied by `scale`. */
export interface Boundary {
  readonly step: number
  readonly scale: Expr
}

/** Steps and what to multiply by from each on, `{100: 0.1, 200: 0.5}`, in the order of the steps; None is none. */
export function boundaries(): Option<readonly Boundary[]> {
  const wanted = `expected a mapping of at most ${longest} steps to scales ≥ 0, such as {100: 0.1}, or None`
  return {
    type: '{integer: number} | None',
    fallback: null,
    refuse(s) {
      if (s === null) return undefined
      if (!(s instanceof Map) || s.size > longest) return wanted
      const wrong = [...s].find(
        ([key, scale]) => !/^[0-9]{1,15}$/.test(key) || typeof scale !== 'number' || !(scale >= 0),
      )
      if (wrong === undefined) return undefined
      return `${wrong[0].slice(0, 40)} is not one of a step to a scale ≥ 0, ${wanted}`
    },
    canonical(s) {
      const sorted = inOrder(entries(s))
      return sorted.length === 0 ? null : new Map(sorted.map(({ step, scale }) => [String(step), scale]))
    },
    bind: (s, binder) =>
      inOrder(entries(s)).map(({ step, scale }) => ({ step, scale: binder.number(scale, step) })),
  }
}

const entries = (s: Setting) =>
  [...((s ?? new Map()) as ReadonlyMap<string, number>)].map(([key, scale]) => [Number(key), scale] as const)

/** Boundaries by their steps; of two at one step the later counts, as in a Python dict. */
export const inOrder = <S>(given: readonly (readonly [step: number, scale: S])[]) =>
  [...new Map(given)].sort(([a], [b]) => a - b).map(([step, scale]) => ({ step, scale }))
