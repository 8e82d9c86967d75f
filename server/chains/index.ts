import { Problem } from '../../schemas/errors.ts'
import { isTerm, type Setting, type Term } from '../expression/index.ts'
import { parseChain } from './parse.ts'
import { printChain } from './print.ts'
import { resolve } from './resolve.ts'
import { isList, limits } from './syntax.ts'
import { fromTree } from './tree.ts'

export { catalogue } from './catalogue.ts'
export { type Described, describeCatalogue } from './describe.ts'
export { locateHyperparams } from './hyperparams.ts'
export { printChain } from './print.ts'
export { record } from './record.ts'
export { unavailable } from './unavailable.ts'

/** An expression in either form as the one chain that it means. */
export function readChain(expression: unknown): Term {
  const term = resolve(typeof expression === 'string' ? parseChain(expression) : fromTree(expression))
  const calls = callsOf(term)
  if (calls <= limits.calls) return term
  const detail = `The chain makes ${calls} calls of transformations and schedules, at most ${limits.calls} may be`
  throw new Problem('malformed_chain', detail)
}

/** How many calls there are in a term, its own among them. */
export const callsOf = (setting: Setting): number => {
  if (isTerm(setting)) return [...setting.args.values()].reduce<number>((n, arg) => n + callsOf(arg), 1)
  const items = isList(setting) ? setting : setting instanceof Map ? [...setting.values()] : []
  return (items as readonly Setting[]).reduce<number>((n, item) => n + callsOf(item), 0)
}

/** The canonical text of a chain. */
export const canonical = (expression: unknown): string => printChain(readChain(expression))
