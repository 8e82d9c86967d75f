import { Problem } from '../../schemas/errors.ts'
import { Cursor } from './cursor.ts'
import type { Token } from './lexer.ts'
import { malformed } from './malformed.ts'
import { adviceFor, callAdvice, constants, dtypeName, plainName } from './names.ts'
import {
  type Argument,
  type Call,
  type Entry,
  isCall,
  type Located,
  limits,
  shorten,
  type Value,
} from './syntax.ts'
import { unavailable, whyNot } from './unavailable.ts'

/**
 * Reads a chain expression: the Optax line as it stands in a program, `tx = optax.chain(optax.clip(1.0), …)`.
 * Python's literals, lists, tuples, dicts and calls with positional and keyword arguments. It is read as data:
 * nothing is evaluated.
 *
 * @throws Problem `malformed_chain` with `position`, the 0-based offset of what cannot be read; `unknown_transformation`
 *   for names of Optax that a service cannot have
 */
export const parseChain = (text: string): Call => {
  if (text.length > limits.text)
    throw malformed(text, limits.text, 'Cannot read on', `: a chain has at most ${limits.text} characters`)
  const cursor = new Cursor(text)
  const first = afterAssignment(cursor)
  if (first.kind === 'name' && !constants.has(first.text) && !cursor.sees('(')) throw notCalled(cursor, first)
  const value = first.kind === 'end' ? null : readValue(cursor, first)
  if (!isCall(value)) throw cursor.expected('a transformation such as chain(clip(1.0), adam(1e-3))', first)
  if (cursor.next.kind !== 'end') throw cursor.expectedAfter(`the end of the text after ${value.name}(...)`)
  return value
}

/** The first token of the expression: a pasted line may have `tx =` in front. */
const afterAssignment = (cursor: Cursor): Token => {
  const first = cursor.take()
  return first.kind === 'name' && cursor.accept('=') ? cursor.take() : first
}

const notCalled = (cursor: Cursor, name: Token) => {
  const plain = shorten(plainName(name.text))
  if (cursor.next.kind !== 'end') return cursor.expected(`'(' after ${plain}`)
  return cursor.refuse(name, `\`${plain}\``, ` names a transformation: call it, ${plain}(...)`)
}

/** The value that starts with `first`, which has been taken. */
const readValue = (cursor: Cursor, first: Token): Value => {
  cursor.count(first)
  if (first.kind === 'number') return toNumber(cursor, first)
  if (first.kind === 'string') return first.text
  if (first.kind === 'name') return readNamed(cursor, first)
  const read = first.kind === 'symbol' ? bySymbol.get(first.text) : undefined
  if (read === undefined) throw cursor.expected('a value', first)
  return read(cursor, first)
}

const toNumber = (cursor: Cursor, token: Token): number => {
  const value = Number(token.text)
  if (!Number.isFinite(value)) throw cursor.refuse(token, 'Cannot hold the number', ': it is beyond float64')
  return value
}

const readSigned = (cursor: Cursor, sign: Token): number => {
  if (cursor.next.kind !== 'number') throw cursor.expected(`a number after '${sign.text}'`)
  const value = toNumber(cursor, cursor.take())
  return sign.text === '-' ? -value : value
}

const readNamed = (cursor: Cursor, name: Token): Value => {
  if (cursor.sees('(')) return readCall(cursor, name)
  const constant = constants.get(name.text)
  if (constant !== undefined) return constant
  const dtype = dtypeName(name.text)
  if (dtype !== undefined) return dtype
  throw cursor.refuse(name, `Cannot read ${shorten(name.text)}`, `: ${adviceFor(name.text)}`)
}

const readCall = (cursor: Cursor, token: Token): Call => {
  const name = checkedName(cursor, token, plainName(token.text))
  // Before its arguments, which may be functions: those are no values here.
  const never = unavailable.get(name)
  if (never !== undefined) {
    const { where, position } = located(token)
    throw new Problem('unknown_transformation', whyNot(never, where), { position, nearest: [] })
  }
  const advice = callAdvice.get(name)
  if (advice !== undefined) throw cursor.refuse(token, `Cannot call ${name}`, `: ${advice}`)
  const positional: Argument[] = []
  const keyword = new Map<string, Entry>()
  readItems(cursor, cursor.take(), ')', `an argument of ${name}`, () => {
    const first = cursor.take()
    const isKeyword = first.kind === 'name' && cursor.accept('=')
    if (isKeyword) addEntry(cursor, keyword, first, keywordName(cursor, first))
    else if (keyword.size === 0) positional.push({ value: readValue(cursor, first), ...located(first) })
    else throw cursor.expected(`a keyword in each argument of ${name} after the first keyword`, first)
  })
  return { kind: 'call', name, positional, keyword: [...keyword.values()], ...located(token) }
}

const keywordName = (cursor: Cursor, token: Token): string => {
  const name = checkedName(cursor, token, token.text)
  if (!name.includes('.')) return name
  throw cursor.refuse(token, `Cannot take ${shorten(name)} as a keyword`, ': a keyword has no dots')
}

const checkedName = (cursor: Cursor, token: Token, name: string): string => {
  if (name.length <= limits.name) return name
  throw cursor.refuse(
    token,
    'Cannot take the name',
    `: it has ${name.length} characters, at most ${limits.name}`,
  )
}

/** Reads the value of a keyword or of a dict's key: both they and the `=` or `:` have been taken. */
const addEntry = (cursor: Cursor, entries: Map<string, Entry>, key: Token, name: string): void => {
  if (entries.has(name)) throw cursor.refuse(key, `Cannot take ${shorten(name)} twice`)
  entries.set(name, { name, value: readValue(cursor, cursor.take()), ...located(key) })
}

/** Items up to the bracket that closes `open`, with a comma between them and perhaps after the last. */
const readItems = (cursor: Cursor, open: Token, close: string, what: string, readItem: () => void): void =>
  cursor.within(open, () => {
    while (!cursor.accept(close)) {
      readItem()
      if (!cursor.accept(',') && !cursor.sees(close))
        throw cursor.expectedAfter(`',' or '${close}' after ${what}`)
    }
  })

const readList = (cursor: Cursor, open: Token): Value => {
  const items: Value[] = []
  readItems(cursor, open, ']', 'an item of a list', () => items.push(readValue(cursor, cursor.take())))
  return items
}

/** A tuple is a list; parentheses around one value without a comma only group. */
const readTuple = (cursor: Cursor, open: Token): Value => {
  const items: Value[] = []
  let isTuple = true
  readItems(cursor, open, ')', 'a value in parentheses', () => {
    items.push(readValue(cursor, cursor.take()))
    isTuple = cursor.sees(',') || items.length > 1
  })
  const [only = null] = items
  return isTuple ? items : only
}

const readMapping = (cursor: Cursor, open: Token): Value => {
  const entries = new Map<string, Entry>()
  readItems(cursor, open, '}', 'an entry of a dict', () => {
    const key = cursor.take()
    const isKey = key.kind === 'string' || (key.kind === 'number' && /^[0-9]+$/.test(key.text))
    if (!isKey) throw cursor.expected('a string or an integer as the key of a dict', key)
    if (!cursor.accept(':')) throw cursor.expected("':' after the key of a dict")
    addEntry(cursor, entries, key, key.text)
  })
  return { kind: 'mapping', entries: [...entries.values()], ...located(open) }
}

const bySymbol: ReadonlyMap<string, (cursor: Cursor, first: Token) => Value> = new Map([
  ['[', readList],
  ['(', readTuple],
  ['{', readMapping],
  ['-', readSigned],
  ['+', readSigned],
])

const located = ({ position }: Token): Located => ({ where: `at character ${position}`, position })
