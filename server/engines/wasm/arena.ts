import { maximumPages } from './encoder.ts'

const page = 65536
const alignment = 64
/** Vectors are read whole, also the last one of an array. */
const slack = 16

interface Range {
  readonly at: number
  readonly size: number
}

/** The arena that a session lives in has no room for a step. */
export class OutOfArena extends Error {
  constructor(bytes: number) {
    super(`Cannot take ${bytes} bytes more for a step: a session and its buffers fit in 4 GiB on this engine`)
  }
}

let made = 0

/** One WebAssembly memory of at most 4 GiB, shared with worker threads, given out in ranges. */
export class Arena {
  /** Names the arena to worker threads. */
  readonly id = made++
  readonly memory: WebAssembly.Memory
  readonly instances = new Map<
    number,
    (block: number, begin: number, end: number, partials: number) => void
  >()
  /** What is free, in order of address; no two ranges touch. */
  #free: Range[] = []
  readonly #taken = new Map<number, number>()
  /** What the memory was as a buffer: another object each time that it has grown. */
  readonly #buffers = new WeakSet<ArrayBufferLike>()
  #length: number
  #bytes = 0

  constructor() {
    this.memory = new WebAssembly.Memory({ initial: 1, maximum: maximumPages, shared: true })
    // Address 0 is never given out, so that it can stand for none.
    this.#free = [{ at: alignment, size: page - alignment }]
    this.#length = page
  }

  /** Bytes that are taken. */
  get taken(): number {
    return this.#bytes
  }

  /** Bytes that it has taken from the system. */
  get length(): number {
    return this.#length
  }

  /** Bytes that can still be taken, if they are of one piece. */
  get left(): number {
    return maximumPages * page - this.#bytes
  }

  /** The address of a range of at least so many bytes; undefined where it does not fit any more. */
  take(bytes: number): number | undefined {
    const size = Math.ceil((bytes + slack) / alignment) * alignment
    const i = this.#free.findIndex((range) => range.size >= size)
    if (i < 0) return this.#grow(size) ? this.take(bytes) : undefined
    const { at, size: found } = this.#free[i] as Range
    this.#free.splice(i, 1, ...(found > size ? [{ at: at + size, size: found - size }] : []))
    this.#taken.set(at, size)
    this.#bytes += size
    return at
  }

  give(at: number): void {
    const size = this.#taken.get(at)
    if (size === undefined) throw new Error(`Nothing was taken at ${at}`)
    this.#taken.delete(at)
    this.#bytes -= size
    this.#release({ at, size })
  }

  bytes(at: number, length: number): Uint8Array {
    const { buffer } = this.memory
    this.#buffers.add(buffer)
    return new Uint8Array(buffer, at, length)
  }

  /** Whether bytes are of this memory: their offset is then their address. */
  has({ buffer }: Uint8Array): boolean {
    return this.#buffers.has(buffer)
  }

  #grow(size: number): boolean {
    const last = this.#free.at(-1)
    const reach = last !== undefined && last.at + last.size === this.#length ? last.size : 0
    const pages = Math.ceil((size - reach) / page)
    if (this.#length / page + pages > maximumPages) return false
    try {
      this.memory.grow(pages)
    } catch {
      return false
    }
    this.#release({ at: this.#length, size: pages * page })
    this.#length += pages * page
    return true
  }

  #release({ at, size }: Range): void {
    const i = this.#free.findIndex((range) => range.at > at)
    const place = i < 0 ? this.#free.length : i
    const before = this.#free[place - 1]
    const after = this.#free[place]
    const joinsBefore = before !== undefined && before.at + before.size === at
    const joinsAfter = after !== undefined && at + size === after.at
    const from = joinsBefore ? before.at : at
    const to = joinsAfter ? after.at + after.size : at + size
    this.#free.splice(place - (joinsBefore ? 1 : 0), Number(joinsBefore) + Number(joinsAfter), {
      at: from,
      size: to - from,
    })
  }
}
