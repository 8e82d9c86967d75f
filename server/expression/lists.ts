import type { Binder, Option, Setting } from './options.ts'

/** Items that a list may have. */
const longest = 256

const isList = (s: Setting | undefined): s is readonly Setting[] => Array.isArray(s)

/** The binder for an item of a list: numbers in it go by their index too. */
const atIndex = (binder: Binder, index: number): Binder => ({
  ...binder,
  number: (value) => binder.number(value, index),
})

/** A list of options of one kind. */
export function list<T>(item: Option<T>): Option<readonly T[]> {
  const { canonical } = item
  return {
    type: `list of ${item.type}`,
    ...(item.takes === undefined ? {} : { takes: item.takes }),
    refuse: (s) =>
      isList(s) && s.length <= longest
        ? firstRefusal(s, () => item)
        : `expected a list of at most ${longest} × ${item.type}`,
    ...(canonical === undefined ? {} : { canonical: (s) => (s as readonly Setting[]).map(canonical) }),
    bind: (s, binder) => (s as readonly Setting[]).map((x, i) => item.bind(x, atIndex(binder, i))),
  }
}

/** A list of options of one kind, one at least. */
export function nonEmpty<T>(item: Option<T>): Option<readonly [T, ...T[]]> {
  const { refuse, ...rest } = list(item) as Option<readonly [T, ...T[]]>
  return {
    ...rest,
    refuse: (s) => (isList(s) && s.length === 0 ? `expected at least one ${item.type}` : refuse(s)),
  }
}

/** Two options of their own kinds, `(0.9, 0.999)`. */
export function pair<A, B>(
  first: Option<A>,
  second: Option<B>,
  fallback: readonly [Setting, Setting],
): Option<readonly [A, B]> {
  const kinds = [first, second]
  return {
    type: `(${first.type}, ${second.type})`,
    fallback,
    refuse: (s) =>
      isList(s) && s.length === 2
        ? firstRefusal(s, (i) => kinds[i])
        : `expected two values, (${first.type}, ${second.type})`,
    canonical: (s) => (isList(s) && s.every((x, i) => x === fallback[i]) ? fallback : s),
    bind(s, binder) {
      const [a, b] = s as readonly [Setting, Setting]
      return [first.bind(a, atIndex(binder, 0)), second.bind(b, atIndex(binder, 1))]
    },
  }
}

function firstRefusal(
  items: readonly Setting[],
  kind: (index: number) => Option<unknown> | undefined,
): string | undefined {
  const refusals = items.map((x, i) => kind(i)?.refuse(x))
  const at = refusals.findIndex((refusal) => refusal !== undefined)
  return at < 0 ? undefined : `item ${at}: ${refusals[at]}`
}
