import type { Call, Entry, Value } from '../../server/chains/syntax.ts'
import { isCall, isList, isMapping } from '../../server/chains/syntax.ts'

/**
 * What an expression says without where it says it, in a form that `deepEqual` and a reader compare easily:
 * a call is `[name, positional, keyword]` with the keywords as pairs, a mapping is `{ pairs }`.
 */
export type Plain =
  | null
  | boolean
  | number
  | string
  | PlainCall
  | readonly Plain[]
  | { readonly pairs: Pairs }
export type PlainCall = readonly [string, readonly Plain[], Pairs]
type Pairs = readonly (readonly [string, Plain])[]

export const plain = (value: Value): Plain => {
  if (isCall(value)) return plainCall(value)
  if (isMapping(value)) return { pairs: pairs(value.entries) }
  if (isList(value)) return value.map(plain)
  return value
}

export const plainCall = ({ name, positional, keyword }: Call): PlainCall => [
  name,
  positional.map(({ value }) => plain(value)),
  pairs(keyword),
]

const pairs = (entries: readonly Entry[]): Pairs => entries.map(({ name, value }) => [name, plain(value)])
