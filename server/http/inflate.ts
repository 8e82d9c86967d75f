import { availableParallelism } from 'node:os'
import { type Readable, Writable } from 'node:stream'
import { createGunzip, type Gunzip } from 'node:zlib'
import { Gate } from '../turns.ts'

/** Bytes that are decompressed in one go: they become 16 MiB at most. */
const slice = 2 ** 14
const threads = 4

/**
 * Of all bodies together: what commits to a store needs one of the few threads on which this is done, and the event loop
 * a processor. There wait no more than requests are under way.
 */
const lanes = new Gate(Math.max(1, Math.min(threads, availableParallelism()) - 1))

/** A body as it is decompressed. To be ended, also where not all of it was read. */
export class Inflating {
  readonly out: Gunzip = createGunzip({ chunkSize: 2 ** 18 })
  readonly #stream: Readable
  readonly #feed: Writable
  readonly #broken = (error: Error) => this.out.destroy(error)
  #waits = false
  #given = 0
  readonly #keeps: boolean
  readonly #kept: Buffer[] = []

  /** @param keeps whether what came is kept */
  constructor(stream: Readable, keeps = false) {
    this.#stream = stream
    this.#keeps = keeps
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

  /** Bytes that came to be decompressed. */
  get given(): number {
    return this.#given
  }

  get kept(): readonly Buffer[] {
    return this.#kept
  }

  async #take(chunk: Buffer): Promise<void> {
    this.#given += chunk.length
    if (this.#keeps) this.#kept.push(chunk)
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
