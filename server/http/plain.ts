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

/** Where in a body, of which these bytes have come, a byte string lies that goes on beyond them. */
export function openBin(bytes: Uint8Array): { readonly begin: number; readonly end: number } | undefined {
  const scan = new Scan(bytes)
  try {
    for (let left = scan.entries(); left > 0; left--) {
      scan.value(1)
      const begin = scan.binAt()
      if (begin !== undefined && begin.end > bytes.length) return begin
      scan.value(1)
    }
  } catch (error) {
    // What is wrong with it is said when all of it is there.
    if (!(error instanceof Problem)) throw error
  }
  return undefined
}

class Scan {
  at = 0
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #values = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
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

  /** How many entries a map has that begins here: none where it is none. */
  entries(): number {
    const type = this.#unsigned(1)
    if (type === 0xde || type === 0xdf) return this.#unsigned(type === 0xde ? 2 : 4)
    return (type & 0xf0) === 0x80 ? type & 0x0f : 0
  }

  /** Where the bytes of a byte string are that begins here. */
  binAt(): { readonly begin: number; readonly end: number } | undefined {
    const size = lengthSize.get(this.#bytes[this.at] ?? 0)
    const begin = this.at + 1 + (size ?? 0)
    if (size === undefined || begin > this.#bytes.length) return undefined
    const view = Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length)
    return { begin, end: begin + view.readUIntBE(this.at + 1, size) }
  }

  #unsigned(size: number): number {
    const at = this.at
    this.#skip(size)
    return size === 1
      ? this.#view.getUint8(at)
      : size === 2
        ? this.#view.getUint16(at)
        : this.#view.getUint32(at)
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
    const keys = new Set<string>()
    for (let i = 0; i < length; i++) {
      const from = this.at
      this.value(depth + 1)
      const type = this.#bytes[from] ?? 0
      if (!((type >= 0xa0 && type <= 0xbf) || (type >= 0xd9 && type <= 0xdb)))
        throw this.malformed('a key is no string')
      // The same key may be written in several ways.
      const begin = from + (type <= 0xbf ? 1 : 1 + 2 ** (type - 0xd9))
      const { buffer, byteOffset } = this.#bytes
      const key = Buffer.from(buffer, byteOffset + begin, this.at - begin).toString()
      if (key === '__proto__') throw this.malformed('a key is __proto__')
      keys.add(key)
      if (keys.size <= i) throw this.malformed('a map has a key twice')
      this.value(depth + 1)
    }
    return this.at
  }
}

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
const lengthSize: ReadonlyMap<number, number> = new Map([
  [0xc4, 1],
  [0xc5, 2],
  [0xc6, 4],
])
