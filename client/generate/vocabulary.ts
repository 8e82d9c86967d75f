import { errors, retryable } from '../../schemas/errors.ts'
import { describeCatalogue } from '../../server/chains/index.ts'
import { type Kind, readKind } from './kinds.ts'

/** Whatever clients repeat of the server, as plain data: what a language's writer needs, and all that it needs. */
export interface Vocabulary {
  readonly calls: readonly Call[]
  readonly errors: readonly ErrorRow[]
  /** Statuses worth sending again, also where something between client and server answers with them. */
  readonly retryable: readonly number[]
}

/** A name that an expression may call. */
export interface Call {
  readonly name: string
  /** What it makes; optimizers are transformations. */
  readonly makes: 'transformation' | 'schedule' | 'condition'
  readonly formula: string
  readonly reference: string
  /** In the order of Optax's signature. */
  readonly options: readonly Option[]
}

export interface Option {
  readonly name: string
  readonly kind: Kind
  readonly required: boolean
  readonly keywordOnly: boolean
  /** As JSON; a call in its text form. Absent where the option is required. */
  readonly fallback?: unknown
}

export interface ErrorRow {
  readonly code: string
  readonly status: number
  readonly title: string
  readonly retryable: boolean
}

/** In order of names, so that a new one is one new place in every generated file. */
export const readVocabulary = (): Vocabulary => ({
  calls: describeCatalogue()
    .map(
      ({ name, kind, formula, reference, options }): Call => ({
        name,
        makes: kind === 'optimizer' ? 'transformation' : kind,
        formula,
        reference,
        options: options.map(({ name, type, required, keyword_only, ...rest }) => ({
          name,
          kind: readKind(type),
          required,
          keywordOnly: keyword_only,
          ...('default' in rest ? { fallback: rest.default } : {}),
        })),
      }),
    )
    .sort(({ name: a }, { name: b }) => (a < b ? -1 : 1)),
  errors: Object.entries(errors).map(([code, { status, title }]) => ({
    code,
    status,
    title,
    retryable: retryable(status),
  })),
  retryable: Array.from({ length: 200 }, (_, i) => 400 + i).filter(retryable),
})
