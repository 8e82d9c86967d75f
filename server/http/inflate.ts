import { availableParallelism } from 'node:os'
import { type Readable, Writable } from 'node:stream'
import { createGunzip, type Gunzip } from 'node:zlib'

/** Bytes that are decompressed in one go: they become 16 MiB at most. */
const slice = 2 ** 14
const threads = 4

/** So many at a time; the others wait in their order. There are no more of them than requests under way. */
class Lanes {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(lanes: number) {
    this.#free = lanes
  }

  async run(work: () => Promise<void>): Promise<void> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    await work()
    const next = this.#waiting.shift()
    if (next === undefined) this.#free++
    else next()
  }
}

/**
 * Of all bodies together: what commits to a store needs one of the few threads on which this is done, and the event loop
 * a processor.
 */
const lanes = new Lanes(Math.max(1, Math.min(threads, availableParallelism()) - 1))

/** A body as it is decompressed. To be ended, also where not all of it was read. */
export class Inflating {
  readonly out: Gunzip = createGunzip({ chunkSize: 2 ** 18 })
  readonly #stream: Readable
  readonly #feed: Writable
  readonly #broken = (error: Error) => this.out.destroy(error)
  #waits = false

  constructor(stream: Readable) {
    this.#stream = stream
    this.#feed = new Writable({
      write: (chunk: Buffer, _encoding, done) => void this.#take(chunk).then(() => done()),
      final: (done) => void this.out.end(() => done()),
    })
    stream.on('error', this.#broken).pipe(this.#feed)
  }

  /** Whether it waits for others to be decompressed, and not for the client. */
  get waits(): boolean {
    return this.#waits
  }

  async #take(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length; at += slice) {
      this.#waits = true
      await lanes.run(() => {
        this.#waits = false
        return this.#write(chunk.subarray(at, at + slice))
      })
    }
  }

  /** Settles when these bytes are decompressed, or never will be. */
  #write(bytes: Buffer): Promise<void> {
    const { out } = this
    return new Promise((resolve) => {
      if (out.destroyed) return resolve()
      const end = () => {
        out.off('close', end)
        resolve()
      }
      out.on('close', end).write(bytes, end)
    })
  }

  end(): void {
    this.#stream.unpipe(this.#feed).off('error', this.#broken)
    this.out.destroy()
    // What is left of it must flow off, so that the client comes to reading the answer.
    this.#stream.resume()
  }
}
