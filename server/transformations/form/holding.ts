import { isTerm, type Option, type Term } from '../../expression/index.ts'
import type { Link } from './link.ts'

/** A transformation that another one holds; `key` is its place in paths. */
export const held = (key = 'inner'): Option<Link> => ({
  type: 'transformation',
  takes: 'transformation',
  refuse: (s) => (isTerm(s) ? undefined : 'expected a transformation, for instance adam(1e-3)'),
  bind: (s, binder) => binder.link(s as Term, key) as Link,
})

/** Words that can stand in paths. */
const isName = (s: unknown): s is string =>
  typeof s === 'string' && /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(s)

const named = 'names of up to 64 letters, digits, "_" and "-" that start with a letter or a digit'

/** Transformations by their labels, which are their places in paths. */
export const heldByLabel = (): Option<ReadonlyMap<string, Link>> => ({
  type: '{label: transformation}',
  takes: 'transformation',
  refuse(s) {
    if (!(s instanceof Map) || s.size === 0 || ![...s.values()].every(isTerm))
      return 'expected a mapping of labels to transformations such as {"decay": adamw(1e-3), "rest": sgd(1e-2)}'
    const wrong = [...s.keys()].find((label) => !isName(label))
    return wrong === undefined ? undefined : `expected labels that are ${named}`
  },
  bind: (s, binder) =>
    new Map(
      [...(s as ReadonlyMap<string, Term>)].map(([label, term]) => [label, binder.link(term, label) as Link]),
    ),
})

/** Pairs of a name and a transformation; the name is its place in paths. */
export const heldInPairs = (): Option<readonly (readonly [string, Link])[]> => ({
  type: '(name, transformation) …',
  takes: 'transformation',
  refuse(s) {
    const pairs: readonly unknown[] = Array.isArray(s) ? s : []
    const arePairs = pairs.every((pair) => Array.isArray(pair) && pair.length === 2 && isTerm(pair[1]))
    if (pairs.length === 0 || !arePairs)
      return 'expected one or more pairs such as ("clip", clip(1.0)), ("adam", adam(1e-3))'
    const names = pairs.map((pair) => (pair as readonly unknown[])[0])
    if (!names.every(isName)) return `expected ${named}`
    return new Set(names).size === names.length
      ? undefined
      : 'expected a different name for each transformation'
  },
  bind: (s, binder) =>
    (s as readonly (readonly [string, Term])[]).map(([name, term]) => [
      name,
      binder.link(term, name) as Link,
    ]),
})
