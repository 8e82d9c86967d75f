/** What an option takes. */
export type Kind =
  | { readonly is: 'word'; readonly word: Word }
  /** One string of the few that there are. */
  | { readonly is: 'literal'; readonly text: string }
  | { readonly is: 'union'; readonly of: readonly Kind[] }
  | { readonly is: 'list'; readonly of: Kind }
  | { readonly is: 'tuple'; readonly of: readonly Kind[] }
  | { readonly is: 'mapping'; readonly key: Word; readonly to: Kind }
  | { readonly is: 'record'; readonly fields: readonly Field[] }
  /** Any number of positional arguments, all there are. */
  | { readonly is: 'arguments'; readonly of: Kind }

export interface Field {
  readonly name: string
  readonly kind: Kind
  readonly required: boolean
}

const words = [
  'axis',
  'condition',
  'dimension numbers',
  'dtype',
  'flag',
  'integer',
  'label',
  'labels',
  'mask',
  'name',
  'None',
  'number',
  'schedule',
  'transformation',
] as const
export type Word = (typeof words)[number]

const plurals: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['axes', { is: 'word', word: 'axis' }],
  ['transformations', { is: 'arguments', of: { is: 'word', word: 'transformation' } }],
])

/**
 * Reads the words that the catalogue has for what an option takes, such as `number | schedule | None`,
 * `list of integer`, `{label: transformation}`, `(name, transformation) …` or `(number, number) | list of them`.
 */
export function readKind(text: string): Kind {
  const reader = new Reader(text)
  const kind = reader.kind()
  reader.end()
  return kind
}

/** Of each alternative of a grammar one method, which takes its tokens from the front. */
class Reader {
  readonly #text: string
  readonly #tokens: string[]

  constructor(text: string) {
    this.#text = text
    this.#tokens = text.match(/"[^"]*"|list of|\w+(?: \w+)*|\S/g) ?? []
  }

  kind(): Kind {
    const first = this.#item()
    const others = this.#accepts('|') || this.#accepts('or') ? this.#alternatives(first) : []
    const kind: Kind = others.length === 0 ? first : { is: 'union', of: [first, ...others] }
    return this.#accepts('…') ? { is: 'arguments', of: kind } : kind
  }

  end(): void {
    if (this.#tokens.length > 0) throw this.#refusal('its end')
  }

  #alternatives(first: Kind): readonly Kind[] {
    const others = [this.#item(first)]
    while (this.#accepts('|') || this.#accepts('or')) others.push(this.#item(first))
    return others
  }

  /** @param them what `them` means here */
  #item(them?: Kind): Kind {
    if (this.#accepts('list of')) return { is: 'list', of: this.#item(them) }
    if (them !== undefined && this.#accepts('them')) return them
    if (this.#accepts('(')) return { is: 'tuple', of: this.#until(')', () => this.kind()) }
    if (this.#accepts('{')) return fieldsOrMapping(this.#until('}', () => this.#field()))
    const token = this.#take()
    const plural = plurals.get(token)
    if (plural !== undefined) return plural
    if (token.startsWith('"')) return { is: 'literal', text: token.slice(1, -1) }
    if (isWord(token)) return { is: 'word', word: token }
    throw this.#refusal(`one of ${words.join(', ')}, and not ${token}`)
  }

  #field(): Field {
    const name = this.#take()
    const required = !this.#accepts('?')
    if (!this.#accepts(':')) throw this.#refusal(`a colon after ${name}`)
    return { name, required, kind: this.kind() }
  }

  #until<T>(close: string, read: () => T): readonly T[] {
    const items = [read()]
    while (this.#accepts(',')) items.push(read())
    if (!this.#accepts(close)) throw this.#refusal(close)
    return items
  }

  #take(): string {
    const token = this.#tokens.shift()
    if (token === undefined) throw this.#refusal('more')
    return token
  }

  #accepts(token: string): boolean {
    if (this.#tokens[0] !== token) return false
    this.#tokens.shift()
    return true
  }

  #refusal(expected: string): Error {
    const at = this.#tokens.length > 0 ? `before '${this.#tokens.join(' ')}'` : 'at its end'
    return new Error(`Cannot read '${this.#text}' as what an option takes: expected ${expected} ${at}`)
  }
}

/** `{label: transformation}` has any number of entries, `{init_value: number, exponent?: number}` those that it names. */
function fieldsOrMapping(fields: readonly Field[]): Kind {
  const [only] = fields
  return only !== undefined && isWord(only.name)
    ? { is: 'mapping', key: only.name, to: only.kind }
    : { is: 'record', fields }
}

const isWord = (token: string): token is Word => words.some((word) => word === token)
