import { endOfNumber, isDigit, readString } from './literals.ts'

/** A piece of the text, from `position` up to `end`. */
export interface Token {
  readonly kind: 'name' | 'number' | 'string' | 'symbol' | 'end'
  /** A name with its dots, a number without its underscores, what a string stands for, one other character. */
  readonly text: string
  readonly position: number
  readonly end: number
}

/** The first token at or after `from`. Reads each character once, and never goes back before `from`. */
export const readToken = (text: string, from: number): Token => {
  const position = skipBlanks(text, from)
  const code = text.charCodeAt(position)
  if (Number.isNaN(code)) return { kind: 'end', text: '', position, end: position }
  if (isNameStart(code)) {
    const end = endOfName(text, position)
    return { kind: 'name', text: text.slice(position, end), position, end }
  }
  if (isDigit(code) || (code === dot && isDigit(text.charCodeAt(position + 1)))) {
    const end = endOfNumber(text, position)
    return { kind: 'number', text: text.slice(position, end).replaceAll('_', ''), position, end }
  }
  if (code === doubleQuote || code === singleQuote) {
    const { value, end } = readString(text, position)
    return { kind: 'string', text: value, position, end }
  }
  const symbol = String.fromCodePoint(text.codePointAt(position) ?? code)
  return { kind: 'symbol', text: symbol, position, end: position + symbol.length }
}

/**
 * Blanks, line ends (escaped or not) and comments: within brackets Python skips them all. Unlike Python,
 * also the no-break spaces and byte order marks that come along with copied text: nobody sees what is wrong there.
 */
const skipBlanks = (text: string, from: number): number => {
  let at = from
  for (;;) {
    const code = text.charCodeAt(at)
    if (code === hash) at = endOfLine(text, at)
    else if (code === backslash && isLineEnd(text.charCodeAt(at + 1))) at += 2
    else if (isBlank(code) || isLineEnd(code)) at += 1
    else return at
  }
}

const endOfLine = (text: string, from: number): number => {
  let at = from
  while (at < text.length && !isLineEnd(text.charCodeAt(at))) at += 1
  return at
}

/** A dot belongs to a name where another part follows it. */
const endOfName = (text: string, from: number): number => {
  let at = from + 1
  for (;;) {
    const code = text.charCodeAt(at)
    if (isNameStart(code) || isDigit(code)) at += 1
    else if (code === dot && isNameStart(text.charCodeAt(at + 1))) at += 2
    else return at
  }
}

const isNameStart = (code: number): boolean =>
  (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95

const isBlank = (code: number): boolean =>
  code === space || code === tab || code === formFeed || code === noBreakSpace || code === byteOrderMark

const isLineEnd = (code: number): boolean => code === 10 || code === 13

const [tab, formFeed, space, noBreakSpace, byteOrderMark] = [9, 12, 32, 0xa0, 0xfeff]
const [doubleQuote, singleQuote, hash, dot, backslash] = [34, 39, 35, 46, 92]
