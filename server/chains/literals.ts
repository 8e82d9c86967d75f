import { malformed } from './malformed.ts'
import { shorten } from './syntax.ts'

/** Where the Python number that starts at `from` ends: `1`, `1_000`, `5.`, `.5`, `1e-3`. */
export const endOfNumber = (text: string, from: number): number => {
  const whole = endOfDigits(text, from)
  const fraction = text.charCodeAt(whole) === dot ? endOfDigits(text, whole + 1) : whole
  const end = endOfExponent(text, fraction)
  const literal = () => `'${shorten(text.slice(from, end + 1))}'`
  if (isWordPart(text.charCodeAt(end)))
    throw malformed(
      text,
      from,
      `Cannot read the number ${literal()}`,
      ': write it in decimal, as 1000 or 1e-3',
    )
  if (end === whole && end - from > 1 && text.charCodeAt(from) === zero)
    throw malformed(text, from, 'Cannot read an integer that starts with 0', ': leave the zeros in front out')
  return end
}

/** Digits, with single underscores between them. */
const endOfDigits = (text: string, from: number): number => {
  let at = from
  for (;;) {
    const code = text.charCodeAt(at)
    if (isDigit(code)) at += 1
    else if (code === underscore && at > from && isDigit(text.charCodeAt(at + 1))) at += 2
    else return at
  }
}

const endOfExponent = (text: string, from: number): number => {
  const code = text.charCodeAt(from)
  if (code !== lowerE && code !== upperE) return from
  const sign = text.charCodeAt(from + 1)
  const digits = sign === plus || sign === minus ? from + 2 : from + 1
  return isDigit(text.charCodeAt(digits)) ? endOfDigits(text, digits) : from
}

/** The string whose opening quote, `"` or `'`, is at `from`. */
export const readString = (text: string, from: number): { readonly value: string; readonly end: number } => {
  const quote = text.charCodeAt(from)
  const pieces: string[] = []
  let start = from + 1
  let at = start
  for (;;) {
    const code = text.charCodeAt(at)
    if (code === quote) return { value: [...pieces, text.slice(start, at)].join(''), end: at + 1 }
    if (Number.isNaN(code) || code === lineFeed || code === carriageReturn)
      throw malformed(
        text,
        from,
        'Cannot find the end of the string that starts',
        ': close it on the same line',
      )
    if (code === backslash) {
      const escaped = readEscape(text, at)
      pieces.push(text.slice(start, at), escaped.value)
      start = escaped.end
      at = start
    } else at += 1
  }
}

const readEscape = (text: string, from: number): { readonly value: string; readonly end: number } => {
  const letter = text.charAt(from + 1)
  const plain = escapes.get(letter)
  if (plain !== undefined) return { value: plain, end: from + 2 }
  const end = from + 2 + (hexDigits.get(letter) ?? 0)
  const digits = text.slice(from + 2, end)
  const code = /^[0-9a-fA-F]+$/.test(digits) && end <= text.length ? Number.parseInt(digits, 16) : Infinity
  if (code <= 0x10ffff) return { value: String.fromCodePoint(code), end }
  throw malformed(text, from, 'Cannot read the escape', ': a backslash itself is written twice')
}

const escapes: ReadonlyMap<string, string> = new Map([
  ['\\', '\\'],
  ["'", "'"],
  ['"', '"'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['b', '\b'],
  ['f', '\f'],
])

const hexDigits: ReadonlyMap<string, number> = new Map([
  ['x', 2],
  ['u', 4],
  ['U', 8],
])

export const isDigit = (code: number): boolean => code >= 48 && code <= 57

/** Not a bracket, comma or blank: something that was meant to be part of the number. */
const isWordPart = (code: number): boolean =>
  isDigit(code) || (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === underscore

const [lineFeed, carriageReturn, backslash, underscore] = [10, 13, 92, 95]
const [plus, minus, dot, zero, upperE, lowerE] = [43, 45, 46, 48, 69, 101]
