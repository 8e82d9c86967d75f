/**
 * What a chain expression says, before any name in it is looked up: calls, their arguments, and plain data.
 * Text (`parse.ts`) and tree (`tree.ts`) are both read into these types; canonical text is printed from `Tree`.
 */

/** Where something was written, so that whoever refuses it later can still point at it. */
export interface Located {
  /** For messages: `at character 12`, or in the tree form `at args.transforms[1].args.b1`. */
  readonly where: string
  /** 0-based offset into the text, in UTF-16 code units; absent in the tree form. */
  readonly position?: number
}

export type Value = null | boolean | number | string | readonly Value[] | Mapping | Call

/** A name applied to arguments. Names are as written, without the prefixes that `names.ts` drops. */
export interface Call extends Located {
  readonly kind: 'call'
  readonly name: string
  readonly positional: readonly Argument[]
  /** In the order written; no name occurs twice. */
  readonly keyword: readonly Entry[]
}

/** A dict. A list of entries and not an object, so that a key such as `__proto__` is data like any other. */
export interface Mapping extends Located {
  readonly kind: 'mapping'
  /** In the order written; no name occurs twice. Integer keys are kept as their decimal text. */
  readonly entries: readonly Entry[]
}

export interface Argument extends Located {
  readonly value: Value
}

/** A keyword argument, located at its name, or an entry of a mapping, located at its key. */
export interface Entry extends Argument {
  readonly name: string
}

/** Calls that take a list as their positional arguments, and the keyword that the list has in a tree. */
export const spreads: ReadonlyMap<string, string> = new Map([
  ['chain', 'transforms'],
  ['named_chain', 'transforms'],
])

/** What an expression may hold, in either form. */
export const limits = {
  /** Characters of a text; of all names, keys and strings of a tree together. */
  text: 65_536,
  /** Calls, lists, parentheses and mappings inside each other. */
  depth: 32,
  /** Calls, numbers, strings and all other values together. */
  values: 4096,
  /** Calls alone: each is at least a link, and all links are one computation. */
  calls: 128,
  /** Characters of the name of a call or of a keyword. */
  name: 200,
} as const

/** `Array.isArray` that also narrows read-only lists. */
export const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value)

export const isCall = (value: Value): value is Call => hasKind(value) && value.kind === 'call'

export const isMapping = (value: Value): value is Mapping => hasKind(value) && value.kind === 'mapping'

const hasKind = (value: Value): value is Call | Mapping =>
  typeof value === 'object' && value !== null && !isList(value)

/** A value in a few words, for messages: `the number 3`, `a list`, `a call of clip`. */
export const describe = (value: Value): string => {
  if (value === null) return 'None'
  if (isList(value)) return 'a list'
  switch (typeof value) {
    case 'boolean':
      return value ? 'True' : 'False'
    case 'number':
      return `the number ${value}`
    case 'string':
      return `the string ${JSON.stringify(shorten(value))}`
    case 'object':
      return value.kind === 'call' ? `a call of ${value.name}` : 'a mapping'
  }
}

/** Cut to a length, so that a message stays a message whatever was sent. */
export const shorten = (text: string, length = 40): string =>
  text.length > length ? `${text.slice(0, length - 1)}…` : text
