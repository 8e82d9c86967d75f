import type { RowTreatment } from '../compiler/sparse.ts'
import { isTerm, type Setting } from '../expression/index.ts'
import { type Catalogued, catalogue } from './catalogue.ts'
import { type Footprint, footprintOf } from './footprint.ts'
import { printChain } from './print.ts'
import { plainTrace, rowsOf } from './rows.ts'

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
  /** What it keeps for a matrix; of transformations and optimizers. */
  readonly state?: Footprint['state']
  /** What a step must come with, unless the server keeps the parameters; of transformations and optimizers. */
  readonly needs?: Footprint['needs']
  /** What becomes of a matrix of which only some rows are sent; of transformations and optimizers. */
  readonly rows?: RowTreatment
}

let described: readonly Described[] | undefined

/** The whole catalogue. Each entry is recorded for it, so it is made once. */
export const describeCatalogue = (): readonly Described[] => {
  described ??= [...catalogue.values()].map(describeEntry)
  return described
}

function describeEntry(entry: Catalogued): Described {
  const { name, kind, formula, reference, options } = entry
  const trace = plainTrace(entry)
  const rows = trace && rowsOf(trace)
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
    ...(trace === undefined ? {} : footprintOf(trace)),
    ...(rows === undefined ? {} : { rows }),
  }
}

const plain = (setting: Setting): unknown => (isTerm(setting) ? printChain(setting) : setting)
