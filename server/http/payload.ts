import { type Fed, hashing } from '../sessions/journal.ts'
import { openBin } from './plain.ts'

/** What a large body is there for, its tensors where they are one byte string, hashed as it comes: while others compute. */
export class Payload {
  #range: ReturnType<typeof openBin>
  #hash: Fed['hash'] | undefined

  note(part: Uint8Array, at: number): void {
    if (at === 0) this.#range = openBin(part)
    if (this.#range === undefined) return
    this.#hash ??= hashing()
    const { begin, end } = this.#range
    const ours = part.subarray(Math.max(0, begin - at), Math.max(0, end - at))
    if (ours.length > 0) this.#hash.update(ours)
  }

  /** Of the whole body. */
  of(body: Uint8Array): Fed | undefined {
    if (this.#range === undefined || this.#hash === undefined) return undefined
    return { bytes: body.subarray(this.#range.begin, this.#range.end), hash: this.#hash }
  }
}
