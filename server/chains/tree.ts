import { Problem } from '../../schemas/errors.ts'
import { plainName } from './names.ts'
import {
  type Argument,
  type Call,
  type Entry,
  isList,
  type Located,
  limits,
  shorten,
  spreads,
  type Value,
} from './syntax.ts'

/**
 * Reads the tree form of an expression, `{"name": "clip", "args": {"max_delta": 1.0}}`, with `args.transforms` a
 * list for `chain`. An object with a string `name` and nothing else but `args` is a call wherever it stands; `args`
 * may be left out. Any other object is a mapping.
 *
 * @param json decoded JSON or msgpack
 * @throws Problem `malformed_chain` with `path`, the place in the tree of what cannot be read
 */
export const fromTree = (json: unknown): Call => {
  const root: Node = { path: '', depth: 1, spent: { values: 0, characters: 0 } }
  if (isCallShaped(json)) {
    spend(root, 'values', 1)
    return readCall(json, root)
  }
  throw expected('an object {"name": …, "args": {…}} and no other key', root, json)
}

/** A place in the tree. `spent` is one for the whole tree: what has been read of `limits`. */
interface Node {
  readonly path: string
  readonly depth: number
  readonly spent: { values: number; characters: number }
}

type Dict = Readonly<Record<string, unknown>>

interface CallShape extends Dict {
  readonly name: string
}

const readValue = (json: unknown, node: Node): Value => {
  spend(node, 'values', 1)
  if (json === null || typeof json === 'boolean') return json
  if (typeof json === 'string') return readText(json, node)
  if (typeof json === 'number' && Number.isFinite(json)) return json
  if (node.depth > limits.depth) throw refuse(`Cannot nest deeper than ${limits.depth} levels`, node)
  if (isList(json)) return json.map((item, index) => readValue(item, below(node, `[${index}]`)))
  if (isCallShaped(json)) return readCall(json, node)
  if (isDict(json))
    return { kind: 'mapping', entries: readEntries(Object.entries(json), node, readText), ...located(node) }
  throw expected('null, true, false, a finite number, a string, a list or an object', node, json)
}

const readCall = (json: CallShape, node: Node): Call => {
  const name = plainName(readName(json.name, inside(node, 'name')))
  const args = inside(node, 'args')
  const options = json.args === undefined ? {} : json.args
  if (!isDict(options)) throw expected('an object of options', args, options)
  const spread = spreads.get(name)
  const all = Object.entries(options)
  return {
    kind: 'call',
    name,
    positional: all.flatMap(([key, items]) => (key === spread ? readSpread(items, inside(args, key)) : [])),
    keyword: readEntries(
      all.filter(([key]) => key !== spread),
      args,
      readName,
    ),
    ...located(node),
  }
}

/** The list that stands for positional arguments. It is no value of its own: the text form has no list there. */
const readSpread = (items: unknown, node: Node): readonly Argument[] => {
  if (!isList(items)) throw expected('a list', node, items)
  return items.map((item, index) => {
    const at = below(node, `[${index}]`)
    return { value: readValue(item, at), ...located(at) }
  })
}

const readEntries = (
  all: readonly (readonly [string, unknown])[],
  node: Node,
  readKey: (key: string, node: Node) => string,
): readonly Entry[] =>
  all.map(([key, value]) => {
    const at = below(node, step(key))
    return { name: readKey(key, at), value: readValue(value, at), ...located(at) }
  })

const readName = (name: string, node: Node): string => {
  if (name.length <= limits.name) return readText(name, node)
  throw refuse('Cannot take the name', node, `: it has ${name.length} characters, at most ${limits.name}`)
}

const readText = (text: string, node: Node): string => {
  spend(node, 'characters', text.length)
  return text
}

const spend = (node: Node, what: 'values' | 'characters', amount: number): void => {
  const limit = what === 'values' ? limits.values : limits.text
  node.spent[what] += amount
  if (node.spent[what] > limit) throw refuse('Cannot read on', node, `: a chain has at most ${limit} ${what}`)
}

/** A part that belongs to the same level, such as the `args` of a call. */
const inside = (node: Node, key: string): Node => ({
  ...node,
  path: node.path === '' ? key : `${node.path}.${key}`,
})

/** A value one level down. */
const below = (node: Node, step: string): Node => ({ ...node, path: node.path + step, depth: node.depth + 1 })

const step = (key: string): string => {
  const short = shorten(key, limits.name)
  return /^[A-Za-z_]\w*$/.test(short) ? `.${short}` : `[${JSON.stringify(short)}]`
}

const isDict = (json: unknown): json is Dict =>
  typeof json === 'object' &&
  json !== null &&
  (Object.getPrototypeOf(json) === Object.prototype || Object.getPrototypeOf(json) === null)

const isCallShaped = (json: unknown): json is CallShape =>
  isDict(json) &&
  typeof json.name === 'string' &&
  Object.keys(json).every((key) => key === 'name' || key === 'args')

const located = ({ path }: Node): Located => ({
  where: path === '' ? 'at the root of the tree' : `at ${path}`,
})

const refuse = (what: string, node: Node, then = ''): Problem =>
  new Problem('malformed_chain', `${what} ${located(node).where}${then}`, { path: node.path })

const expected = (what: string, node: Node, found: unknown): Problem =>
  refuse(`Expected ${what}`, node, `, found ${kindOf(found)}`)

const kindOf = (json: unknown): string => {
  if (json === null || json === undefined || typeof json === 'number') return String(json)
  if (isList(json)) return 'a list'
  return typeof json === 'object' ? 'an object' : `a ${typeof json}`
}
