import { Problem } from '../../schemas/index.ts'
import type { Tensors } from '../sessions/log.ts'
import type { Beginning } from '../sessions/sessions.ts'
import { packr } from './pack.ts'

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

/** What the first bytes of a body say of it, where they end in a byte string or in a map of such. */
export function beginningOf(bytes: Uint8Array): Beginning {
  const scan = new Scan(bytes)
  let step: number | undefined
  try {
    for (let left = scan.entries(); left > 0; left--) {
      const from = scan.at
      scan.value(1)
      const key = bytes.subarray(from, scan.at)
      const at = scan.at
      const type = bytes[at] ?? 0
      if (!isThere(scan)) {
        if (!lengthSize.has(type) && !isMap(type)) return {}
        return {
          step: step ?? (left === 1 ? 'next' : undefined),
          ...(gradsKey.equals(key) && { tensors: (body) => new Coming(body, at) }),
        }
      }
      const value: unknown = stepKey.equals(key) ? packr.unpack(bytes.subarray(at, scan.at)) : undefined
      if (typeof value === 'number') step = value
    }
  } catch (error) {
    // What is wrong with it is said when all of it is there.
    if (!(error instanceof Problem)) throw error
  }
  return {}
}

function isThere(scan: Scan): boolean {
  try {
    scan.value(1)
    return true
  } catch (error) {
    if (error instanceof Problem) return false
    throw error
  }
}

const isMap = (type: number): boolean => (type & 0xf0) === 0x80 || type === 0xde || type === 0xdf

const gradsKey = packr.pack('grads')
const stepKey = packr.pack('step')

/** Bytes that a name and what is around it have at most. */
const heading = 4096

/** Finds byte strings while they come: a value is one of them, or a map of them. */
class Coming implements Tensors {
  readonly #body: Uint8Array
  #at: number
  /** Where the byte string ends that is under way. */
  #end: number
  /** How many come after that: it is not known before the value has begun. */
  #left: number | undefined

  constructor(body: Uint8Array, at: number) {
    this.#body = body
    this.#at = at
    this.#end = at
  }

  get over(): boolean {
    return this.#left === 0 && this.#at === this.#end
  }

  *upTo(count: number): Generator<Uint8Array> {
    while (this.#at < this.#end || this.#begins(count)) {
      const from = this.#at
      this.#at = Math.min(this.#end, count)
      if (this.#at > from) yield this.#body.subarray(from, this.#at)
      if (this.#at < this.#end) return
    }
  }

  /** Go on to the next byte string; false where there is none, or none yet. */
  #begins(count: number): boolean {
    if (this.#left === 0) return false
    const scan = new Scan(this.#body.subarray(0, count), this.#at)
    try {
      const only = this.#left === undefined ? scan.bin() : undefined
      const left = only === undefined ? (this.#left ?? scan.entries()) : 1
      if (left > 0) {
        if (only === undefined) scan.value(1)
        const bin = only ?? scan.bin()
        if (bin === undefined) throw new TypeError(`There is no byte string at byte ${scan.at}`)
        this.#at = bin.begin
        this.#end = bin.end
      }
      this.#left = Math.max(0, left - 1)
      return left > 0
    } catch (error) {
      if (!(error instanceof Problem) || count - this.#at > heading) throw error
      return false
    }
  }
}

class Scan {
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

  /** How many entries a map has that begins here: none where it is none. */
  entries(): number {
    const type = this.#unsigned(1)
    if (type === 0xde || type === 0xdf) return this.#unsigned(type === 0xde ? 2 : 4)
    return isMap(type) ? type & 0x0f : 0
  }

  /** Where the bytes are of a byte string that begins here, and then it is at the first; undefined where none does. */
  bin(): { readonly begin: number; readonly end: number } | undefined {
    const size = lengthSize.get(this.#bytes[this.at] ?? 0)
    if (size === undefined) return undefined
    this.#skip(1)
    const length = this.#unsigned(size)
    return { begin: this.at, end: this.at + length }
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
      if (!((type >= 0xa0 && type <= 0xbf) || (type >= 0xd9 && type <= 0xdb)))
        throw this.malformed('a key is no string')
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
const lengthSize: ReadonlyMap<number, number> = new Map([
  [0xc4, 1],
  [0xc5, 2],
  [0xc6, 4],
])
