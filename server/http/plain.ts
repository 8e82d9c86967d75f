import { Problem } from '../../schemas/index.ts'

/** A string is decoded, which a `bin` is not: the longest are texts of chains and names of tensors. */
const limits = { depth: 16, values: 1 << 20, string: 1 << 20 } as const

/**
 * Look over a msgpack body before it is decoded: that it is of plain types only (no extensions, which decoders
 * take liberties with), neither deep nor of very many values, and that no map has a key twice. Byte strings are passed
 * over.
 *
 * @throws Problem `malformed_body`
 */
export function checkPlain(bytes: Uint8Array): void {
  const scan = new Scan(bytes)
  scan.value(0)
  if (scan.at !== bytes.length) throw scan.malformed(`${bytes.length - scan.at} bytes follow the value`)
}

/** Goes over msgpack. What is not as it must be, or not there, is thrown as a Problem. */
export class Scan {
  at: number
  readonly #bytes: Uint8Array
  #values = 0

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes
    this.at = at
  }

  malformed(what: string): Problem {
    return new Problem('malformed_body', `Cannot read the body as msgpack: ${what}, at byte ${this.at}`, {
      position: this.at,
    })
  }

  /** Passes over a value; the place behind it. */
  value(depth: number): number {
    if (depth > limits.depth) throw this.malformed(`values are nested more than ${limits.depth} deep`)
    if (++this.#values > limits.values) throw this.malformed(`there are more than ${limits.values} values`)
    const type = this.#unsigned(1)
    if (type <= 0x7f || type >= 0xe0 || type === 0xc0 || type === 0xc2 || type === 0xc3) return this.at
    if (type <= 0x8f) return this.#map(type & 0x0f, depth)
    if (type <= 0x9f) return this.#array(type & 0x0f, depth)
    if (type <= 0xbf) return this.#skip(type & 0x1f)
    if (type >= 0xd9 && type <= 0xdb) return this.#skip(this.#length(type))
    const fixed = fixedSize.get(type)
    if (fixed !== undefined) return this.#skip(fixed)
    const length = lengthSize.get(type)
    if (length !== undefined) return this.#skip(this.#unsigned(length))
    if (type === 0xdc || type === 0xdd) return this.#array(this.#unsigned(type === 0xdc ? 2 : 4), depth)
    if (type === 0xde || type === 0xdf) return this.#map(this.#unsigned(type === 0xde ? 2 : 4), depth)
    throw this.malformed(
      `type 0x${type.toString(16)} is an extension or none, and only plain types are taken`,
    )
  }

  /** Of the value that begins here. */
  type(): number {
    const type = this.#bytes[this.at]
    if (type === undefined) throw this.malformed('it ends before a value')
    return type
  }

  /** How many entries a map has that begins here: none where it is none. */
  entries(): number {
    const type = this.#unsigned(1)
    if (type === 0xde || type === 0xdf) return this.#unsigned(type === 0xde ? 2 : 4)
    return isMap(type) ? type & 0x0f : 0
  }

  /** Where the bytes are of a byte string that begins here, and then it is at the first; undefined where none does. */
  bin(): { readonly begin: number; readonly end: number } | undefined {
    const size = lengthSize.get(this.type())
    if (size === undefined) return undefined
    this.#skip(1)
    const length = this.#unsigned(size)
    return { begin: this.at, end: this.at + length }
  }

  /** Pass over a byte string; false where it goes on beyond what is there. */
  passesBin(): boolean {
    const { end = 0 } = this.bin() ?? {}
    if (end > this.#bytes.length) return false
    this.at = end
    return true
  }

  #unsigned(size: number): number {
    const at = this.at
    this.#skip(size)
    let value = 0
    for (let k = 0; k < size; k++) value = value * 256 + (this.#bytes[at + k] ?? 0)
    return value
  }

  /** Of a string. */
  #length(type: number): number {
    const length = this.#unsigned(2 ** (type - 0xd9))
    if (length > limits.string)
      throw this.malformed(`a string has ${length} bytes, at most ${limits.string} may be`)
    return length
  }

  #skip(length: number): number {
    if (this.at + length > this.#bytes.length) throw this.malformed('it ends in the middle of a value')
    this.at += length
    return this.at
  }

  #array(length: number, depth: number): number {
    for (let i = 0; i < length; i++) this.value(depth + 1)
    return this.at
  }

  #map(length: number, depth: number): number {
    const keys = length > few ? new Set<string>() : undefined
    const ranges: number[] = []
    for (let i = 0; i < length; i++) {
      const from = this.at
      this.value(depth + 1)
      const type = this.#bytes[from] ?? 0
      if (!isString(type)) throw this.malformed('a key is no string')
      // The same key may be written in several ways.
      const begin = from + (type <= 0xbf ? 1 : 1 + 2 ** (type - 0xd9))
      if (this.#same(begin, this.at, proto, 0, proto.length)) throw this.malformed('a key is __proto__')
      if (
        keys === undefined
          ? this.#isAmong(ranges, begin, this.at)
          : keys.size === keys.add(this.#text(begin)).size
      )
        throw this.malformed('a map has a key twice')
      ranges.push(begin, this.at)
      this.value(depth + 1)
    }
    return this.at
  }

  /** Bytes from a place to where it is now. */
  #text(begin: number): string {
    const { buffer, byteOffset } = this.#bytes
    return Buffer.from(buffer, byteOffset + begin, this.at - begin).toString('latin1')
  }

  /** Few keys are compared with each other: to make strings of them takes longer. */
  #isAmong(ranges: readonly number[], begin: number, end: number): boolean {
    for (let k = 0; k < ranges.length; k += 2)
      if (this.#same(begin, end, this.#bytes, ranges[k] ?? 0, ranges[k + 1] ?? 0)) return true
    return false
  }

  #same(begin: number, end: number, other: Uint8Array, from: number, to: number): boolean {
    if (end - begin !== to - from) return false
    for (let k = 0; k < to - from; k++) if (this.#bytes[begin + k] !== other[from + k]) return false
    return true
  }
}

export const isString = (type: number): boolean =>
  (type >= 0xa0 && type <= 0xbf) || (type >= 0xd9 && type <= 0xdb)

export const isMap = (type: number): boolean => (type & 0xf0) === 0x80 || type === 0xde || type === 0xdf

const proto = Buffer.from('__proto__')
/** Keys of a map up to which they are compared with each other. */
const few = 16

/** Bytes that follow a type: numbers. */
const fixedSize: ReadonlyMap<number, number> = new Map([
  [0xca, 4],
  [0xcb, 8],
  [0xcc, 1],
  [0xcd, 2],
  [0xce, 4],
  [0xcf, 8],
  [0xd0, 1],
  [0xd1, 2],
  [0xd2, 4],
  [0xd3, 8],
])

/** Bytes of the length that follows a type: byte strings. */
export const lengthSize: ReadonlyMap<number, number> = new Map([
  [0xc4, 1],
  [0xc5, 2],
  [0xc6, 4],
])
