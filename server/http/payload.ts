import { type Fed, hashing } from '../sessions/journal.ts'
import { type Beginning, beginningOf } from './plain.ts'

/** What a large body is there for, its tensors where they are one byte string, hashed as it comes: while others compute. */
export class Payload {
  #beginning: Beginning | undefined
  #hash: Fed['hash'] | undefined

  /** The first bytes: what they tell. */
  begin(bytes: Uint8Array): Beginning | undefined {
    this.#beginning = beginningOf(bytes)
    if (this.#beginning !== undefined) this.#hash = hashing()
    return this.#beginning
  }

  note(part: Uint8Array, at: number): void {
    if (this.#beginning === undefined) return
    const { begin, end } = this.#beginning
    const ours = part.subarray(Math.max(0, begin - at), Math.max(0, end - at))
    if (ours.length > 0) this.#hash?.update(ours)
  }

  /** Of the whole body. */
  of(body: Uint8Array): Fed | undefined {
    if (this.#beginning === undefined || this.#hash === undefined) return undefined
    return { bytes: body.subarray(this.#beginning.begin, this.#beginning.end), hash: this.#hash }
  }
}
