import { Problem } from '../../schemas/index.ts'
import type { Beginning, Tensors } from '../sessions/log.ts'
import { packr } from './pack.ts'
import { isMap, isString, lengthSize, Scan } from './plain.ts'

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
      const isBin = lengthSize.has(type)
      if (!(isBin ? scan.passesBin() : isThere(scan))) {
        if (!isBin && !isMap(type)) return {}
        return {
          step: step ?? (left === 1 ? 'next' : undefined),
          ...(gradsKey.equals(key) && { tensors: (body, most) => new Coming(body, at, most) }),
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

const gradsKey = packr.pack('grads')
const stepKey = packr.pack('step')

/** Bytes that a name and what is around it have at most. */
const heading = 4096

/** Finds byte strings while they come: a value is one of them, or a map of them. */
class Coming implements Tensors {
  readonly #body: Uint8Array
  readonly #most: number
  #at: number
  /** Where the byte string ends that is under way. */
  #end: number
  /** How many come after that: it is not known before the value has begun. */
  #left: number | undefined

  constructor(body: Uint8Array, at: number, most: number) {
    this.#body = body
    this.#most = most
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
      if (left > this.#most) throw new TypeError(`There are ${left} byte strings, expected ${this.#most}`)
      if (left > 0) {
        const bin = only ?? this.#named(scan)
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

  /** The byte string behind a name. */
  #named(scan: Scan): { readonly begin: number; readonly end: number } | undefined {
    // Whatever else is a key would be gone over again and again, while more of it comes.
    if (!isString(scan.type())) throw new TypeError(`The key at byte ${scan.at} is no string`)
    scan.value(1)
    return scan.bin()
  }
}
