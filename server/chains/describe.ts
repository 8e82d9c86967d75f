import type { RowTreatment } from '../compiler/sparse.ts'
import { isTerm, type Setting } from '../expression/index.ts'
import { type Catalogued, catalogue } from './catalogue.ts'
import { printChain } from './print.ts'
import { rowsIn } from './rows.ts'

/** An entry of the catalogue as clients see it. */
export interface Described {
  readonly name: string
  readonly kind: Catalogued['kind']
  readonly formula: string
  readonly reference: string
  readonly options: readonly {
    readonly name: string
    readonly type: string
    readonly default?: unknown
    readonly required: boolean
    readonly keyword_only: boolean
  }[]
  /** What becomes of a matrix of which only some rows are sent; of transformations and optimizers. */
  readonly rows?: RowTreatment
}

export const describeCatalogue = (): readonly Described[] => [...catalogue.values()].map(describeEntry)

function describeEntry(entry: Catalogued): Described {
  const { name, kind, formula, reference, options } = entry
  const rows = rowsIn(entry)
  return {
    name,
    kind,
    formula,
    reference,
    options: Object.entries(options).map(([option, { type, fallback, keywordOnly }]) => ({
      name: option,
      type,
      ...(fallback === undefined ? {} : { default: plain(fallback) }),
      required: fallback === undefined,
      keyword_only: keywordOnly === true,
    })),
    ...(rows === undefined ? {} : { rows }),
  }
}

const plain = (setting: Setting): unknown => (isTerm(setting) ? printChain(setting) : setting)
