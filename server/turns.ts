import { setImmediate } from 'node:timers/promises'

/** `at` is the place of the slice in all the pieces, back to back. */
export type Work = (slice: Uint8Array, at: number) => void

/**
 * Works through bytes a slice at a time and gives the event loop its turns in between. One of these goes through all
 * the parts of a task: many small ones take as long as a large one.
 */
export class Turns {
  readonly #most: number
  #done = 0

  /** @param most bytes to a turn: by default so many as are copied in less than 1 ms, also where the memory is new */
  constructor(most = 2 ** 20) {
    this.#most = most
  }

  /** Undefined where all was done at once. */
  through(pieces: readonly Uint8Array[], work: Work): Promise<void> | undefined {
    const total = sizeOf(pieces)
    if (this.#done + total > this.#most) return this.#slicewise(pieces, work)
    this.#done += total
    let at = 0
    for (const piece of pieces) {
      work(piece, at)
      at += piece.length
    }
    return undefined
  }

  async #slicewise(pieces: readonly Uint8Array[], work: Work): Promise<void> {
    let at = 0
    for (const piece of pieces) {
      for (let begin = 0; begin < piece.length; begin += this.#most) {
        const slice = piece.subarray(begin, begin + this.#most)
        work(slice, at)
        at += slice.length
        this.#done += slice.length
        if (this.#done < this.#most) continue
        this.#done = 0
        await setImmediate()
      }
    }
  }

  /** Through things of a size in bytes that are gone through in order, some at a time: also small ones take their time. */
  async rows(count: number, size: number, work: (begin: number, end: number) => void): Promise<void> {
    const each = Math.max(size, this.#most / 2 ** 14)
    for (let begin = 0; begin < count; ) {
      const end = Math.min(count, begin + Math.max(1, Math.floor((this.#most - this.#done) / each)))
      work(begin, end)
      this.#done += (end - begin) * each
      begin = end
      if (this.#done < this.#most) continue
      this.#done = 0
      await setImmediate()
    }
  }

  /** The pieces back to back, in memory of their own or in that which `take` gives. */
  async join(
    pieces: readonly Uint8Array[],
    take = (length: number) => new Uint8Array(length),
  ): Promise<Uint8Array<ArrayBuffer>> {
    const whole = take(sizeOf(pieces))
    await this.through(pieces, (slice, at) => copy(whole.subarray(at, at + slice.length), slice))
    return whole
  }
}

/** Lets so many through at a time; the rest wait in the order they came, and where there is a limit not without end. */
export class Gate {
  #free: number
  readonly #patience: number | undefined
  readonly #waiting = new Set<() => void>()

  /** @param patience milliseconds */
  constructor(places: number, patience?: number) {
    this.#free = places
    this.#patience = patience
  }

  /** Rejects with what `late` makes where there was no place in time. */
  async run<T>(
    work: () => Promise<T>,
    late = () => new Error(`No place in ${this.#patience} ms`),
  ): Promise<T> {
    if (this.#free > 0) this.#free--
    else await this.#turn(late)
    try {
      return await work()
    } finally {
      const [next] = this.#waiting
      if (next === undefined) this.#free++
      else next()
    }
  }

  #turn(late: () => Error): Promise<void> {
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined
      const enter = () => {
        clearTimeout(timer)
        this.#waiting.delete(enter)
        resolve()
      }
      this.#waiting.add(enter)
      if (this.#patience === undefined) return
      timer = setTimeout(() => {
        this.#waiting.delete(enter)
        reject(late())
      }, this.#patience)
    })
  }
}

/** Bytes up to which it does not matter how they are copied. */
const few = 256

/**
 * Copy bytes to a place of the same length. `set` moves a word at a time where memory is shared between threads, and a byte
 * at a time where it is not aligned alike: a quarter as fast as this, which is memcpy.
 */
export function copy(target: Uint8Array, source: Uint8Array): void {
  if (source.length <= few || source.length !== target.length) target.set(source)
  else Buffer.from(target.buffer, target.byteOffset, target.length).fill(source)
}

/** Puts slices of what lies back to back where its pieces are to be. */
export function into(pieces: readonly Uint8Array[]): Work {
  let end = 0
  const ends = pieces.map(({ length }) => {
    end += length
    return end
  })
  return (slice, at) => {
    let [low, high] = [0, pieces.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((ends[middle] ?? 0) > at) high = middle
      else low = middle + 1
    }
    for (let done = 0; done < slice.length; low++) {
      const piece = pieces[low]
      if (piece === undefined)
        throw new RangeError(`There is no place for bytes ${at} to ${at + slice.length} of ${end}`)
      const inPiece = at + done - ((ends[low] ?? 0) - piece.length)
      const part = slice.subarray(done, done + piece.length - inPiece)
      copy(piece.subarray(inPiece, inPiece + part.length), part)
      done += part.length
    }
  }
}

export const sizeOf = (pieces: readonly Uint8Array[]): number =>
  pieces.reduce((sum, piece) => sum + piece.length, 0)
