import type { Term } from '../expression/index.ts'
import { parseChain } from './parse.ts'
import { printChain } from './print.ts'
import { resolve } from './resolve.ts'
import { fromTree } from './tree.ts'

export { catalogue } from './catalogue.ts'
export { describeCatalogue } from './describe.ts'
export { locateHyperparams } from './hyperparams.ts'
export { printChain } from './print.ts'
export { record } from './record.ts'

/** An expression in either form as the one chain that it means. */
export const readChain = (expression: unknown): Term =>
  resolve(typeof expression === 'string' ? parseChain(expression) : fromTree(expression))

/** The canonical text of a chain. */
export const canonical = (expression: unknown): string => printChain(readChain(expression))
