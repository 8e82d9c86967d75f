import { areSame } from '../pieces.ts'
import type { Arriving } from '../store.ts'
import { type Bodies, CHUNK, type Sent } from './bodies.ts'

/** Sends a body ahead while it comes. */
export class Arrival implements Arriving {
  readonly id: string
  readonly taken: Promise<boolean>
  readonly #bodies: Bodies
  readonly #key: string
  /** All chunks that are there. */
  readonly #chunks: (readonly Uint8Array[])[] = []
  /** What came of the next one, and what it lacks. */
  #next: Uint8Array[] = []
  #room = CHUNK
  #ended = false
  #dropped = false
  #sent: Sent | undefined
  /** Goes on with what waits for something to come. */
  #wake: () => void = () => {}

  constructor(bodies: Bodies, key: string, id: string) {
    this.#bodies = bodies
    this.#key = key
    this.id = id
    this.taken = bodies.send(`append to session "${key}"`, key, id, this.#coming()).then((sent) => {
      this.#sent = sent
      if (this.#dropped) this.#remove()
      return !this.#dropped
    })
    // Who asks later is told.
    this.taken.catch(() => {})
  }

  /** How it was sent, once it is taken. */
  get sent(): Sent | undefined {
    return this.#sent
  }

  give(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + this.#room)
      this.#next.push(part)
      at += part.length
      this.#room -= part.length
      if (this.#room === 0) this.#cut()
    }
  }

  end(): void {
    if (this.#next.length > 0) this.#cut()
    this.#ended = true
    this.#wake()
  }

  is(body: readonly Uint8Array[]): boolean {
    return this.#ended && this.#chunks.length > 0 && areSame(this.#chunks.flat(), body)
  }

  drop(): void {
    if (this.#dropped) return
    this.#dropped = true
    this.#wake()
    this.#remove()
  }

  #cut(): void {
    this.#chunks.push(this.#next)
    this.#next = []
    this.#room = CHUNK
    this.#wake()
  }

  #remove(): void {
    if (this.#sent !== undefined) this.#bodies.remove(this.#key, this.id, this.#sent.parts)
  }

  /** Chunks as they come, to the end or until they are dropped. */
  async *#coming(): AsyncGenerator<readonly Uint8Array[]> {
    for (let index = 0; ; index++) {
      while (index >= this.#chunks.length && !this.#ended && !this.#dropped)
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      const chunk = this.#chunks[index]
      if (chunk === undefined || this.#dropped) return
      yield chunk
    }
  }
}
