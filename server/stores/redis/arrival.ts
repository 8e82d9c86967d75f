import { isPlacedAt } from '../pieces.ts'
import type { Arriving } from '../store.ts'
import type { Bodies, Sent } from './bodies.ts'

/** Sends a body ahead while it comes. */
export class Arrival implements Arriving {
  readonly id: string
  readonly taken: Promise<boolean>
  readonly #bodies: Bodies
  readonly #key: string
  readonly #bytes: Uint8Array
  #sent: Sent | undefined
  #came = 0
  #dropped = false
  /** Who waits for bytes that have not come. */
  #wake: () => void = () => {}

  constructor(bodies: Bodies, key: string, id: string, bytes: Uint8Array) {
    this.#bodies = bodies
    this.#key = key
    this.id = id
    this.#bytes = bytes
    const what = `append to session "${key}"`
    this.taken = bodies
      .send(what, key, id, [bytes], (end) => this.#until(end))
      .then((sent) => {
        this.#sent = sent
        if (this.#dropped) this.#remove()
        return sent !== undefined
      })
    // Who asks later is told.
    this.taken.catch(() => {})
  }

  /** How it was sent, once it is taken. */
  get sent(): Sent | undefined {
    return this.#sent
  }

  is(body: readonly Uint8Array[]): boolean {
    return isPlacedAt(body, this.#bytes)
  }

  came(count: number): void {
    this.#came = count
    this.#wake()
  }

  drop(): void {
    if (this.#dropped) return
    this.#dropped = true
    this.#wake()
    this.#remove()
  }

  #remove(): void {
    if (this.#sent !== undefined) this.#bodies.remove(this.#key, this.id, this.#sent.parts)
  }

  /** Whether so many bytes are there, once they are, or it is known that they will not be. */
  #until(end: number): boolean | Promise<boolean> {
    if (this.#dropped) return false
    if (this.#came >= end) return true
    return new Promise((resolve) => {
      this.#wake = () => {
        if (this.#dropped || this.#came >= end) resolve(!this.#dropped)
      }
    })
  }
}
