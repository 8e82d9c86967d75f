import { Problem } from '../../schemas/errors.ts'
import { isTerm, type Setting, type Term } from '../expression/index.ts'
import { isList, limits, spreads } from './syntax.ts'

/**
 * The canonical text of a chain: arguments by keyword in the order given, shortest numbers, Python's literals.
 * What it returns `parseChain` reads as the same chain, number for number.
 *
 * @throws Problem `malformed_chain` when the text is longer than a chain may be
 */
export const printChain = (tree: Term): string => {
  const text = printCall(tree)
  if (text.length <= limits.text) return text
  const detail = `Cannot write the chain in full: ${text.length} characters, at most ${limits.text}`
  throw new Problem('malformed_chain', detail)
}

const printCall = ({ name, args }: Term): string => {
  const spread = spreads.get(name)
  const parts = [...args].map(([key, value]) =>
    key === spread && isList(value) ? value.map(printValue) : [`${key}=${printValue(value)}`],
  )
  return `${name}(${parts.flat().join(', ')})`
}

/** A value as Python writes it. */
export const printValue = (value: Setting): string => {
  if (value === null) return 'None'
  if (value === true) return 'True'
  if (value === false) return 'False'
  if (typeof value === 'number') return printNumber(value)
  if (typeof value === 'string') return JSON.stringify(value)
  if (isList(value)) return `[${value.map(printValue).join(', ')}]`
  return isTerm(value) ? printCall(value) : printMapping(value)
}

const printMapping = (entries: ReadonlyMap<string, Setting>): string =>
  `{${[...entries].map(([key, value]) => `${printKey(key)}: ${printValue(value)}`).join(', ')}}`

/** Python wants integers where a key is a step; both forms are read as the same key. */
const printKey = (key: string): string => (/^(0|[1-9][0-9]*)$/.test(key) ? key : JSON.stringify(key))

const printNumber = (value: number): string => {
  if (!Number.isFinite(value)) throw new RangeError(`Cannot print ${value}: numbers of a chain are finite`)
  // In Python -0 is the integer 0 and loses its sign.
  return Object.is(value, -0) ? '-0.0' : String(value)
}
