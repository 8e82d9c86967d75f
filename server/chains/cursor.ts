import type { Problem } from '../../schemas/errors.ts'
import { readToken, type Token } from './lexer.ts'
import { malformed } from './malformed.ts'
import { limits, shorten } from './syntax.ts'

/** Goes through the tokens of a text, forwards only, and holds the text to the limits. */
export class Cursor {
  readonly #text: string
  #next: Token
  #depth = 0
  #values = 0

  constructor(text: string) {
    this.#text = text
    this.#next = readToken(text, 0)
  }

  get next(): Token {
    return this.#next
  }

  take(): Token {
    const token = this.#next
    this.#next = readToken(this.#text, token.end)
    return token
  }

  sees(symbol: string): boolean {
    return this.#next.kind === 'symbol' && this.#next.text === symbol
  }

  /** Takes the next token if it is this symbol. */
  accept(symbol: string): boolean {
    if (!this.sees(symbol)) return false
    this.take()
    return true
  }

  /** Reads what one bracket encloses. */
  within<T>(open: Token, read: () => T): T {
    this.#depth += 1
    if (this.#depth > limits.depth)
      throw this.refuse(open, 'Cannot nest deeper', `: at most ${limits.depth} levels`)
    const inner = read()
    this.#depth -= 1
    return inner
  }

  count(first: Token): void {
    this.#values += 1
    if (this.#values > limits.values)
      throw this.refuse(first, 'Cannot take another value', `: at most ${limits.values} in one expression`)
  }

  refuse(token: Token, what: string, then = ''): Problem {
    return malformed(this.#text, token.position, what, then)
  }

  expected(what: string, token: Token = this.#next): Problem {
    const found = `'${shorten(this.#text.slice(token.position, token.end))}'`
    return this.refuse(
      token,
      `Expected ${what}`,
      `, found ${token.kind === 'end' ? 'the end of the text' : found}`,
    )
  }

  /** What stands where a value should have ended: an operator is worth its own advice. */
  expectedAfter(what: string): Problem {
    const operator = this.#next.kind === 'symbol' && '+-*/%@<>|&^'.includes(this.#next.text)
    if (!operator) return this.expected(what)
    return this.refuse(
      this.#next,
      `Cannot compute '${this.#next.text}'`,
      ': a chain is data, so write the result',
    )
  }
}
