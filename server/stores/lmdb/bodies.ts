import { randomBytes } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import type { Transaction } from 'lmdb'
import { copy, into, type Work } from '../../turns.ts'
import { decode } from '../codec.ts'
import { chunksOf, inMemory, joined, sizeOf } from '../pieces.ts'
import { Replaced, StateLost, type StoredBody, StoreUnavailable } from '../store.ts'
import { chunkKey, chunksKey, stagedKey } from './keys.ts'
import type { LmdbMedium } from './medium.ts'

/** Overflow pages of one value must lie together in the file: small values find a free place, large ones grow it. */
const CHUNK = 1 << 20
/** Chunks in one transaction while a large body is staged: what others wait for, and what LMDB holds in memory. */
const BATCH = 16
/** How long a large body may take to be written. */
const STAGING_MS = 600_000

/** Where a body's bytes are: `chunks` values under `<incarnation>/<name>/`. */
export interface Body {
  readonly name: string
  readonly size: number
  readonly chunks: number
}

/** What says where a body is: under `at` in the journal. */
interface Place {
  readonly incarnation: string
  readonly at: string
  readonly body: Body
  readonly what: string
}

/** A chunk as one, in memory that LMDB's own code can read: not in such that threads share. */
function readable(pieces: readonly Uint8Array[]): Uint8Array {
  const chunk = joined(pieces)
  if (chunk.buffer instanceof ArrayBuffer) return chunk
  const own = Buffer.allocUnsafe(chunk.length)
  copy(own, chunk)
  return own
}

/** The bytes of entries and snapshots: small ones are written by who takes them, large ones ahead of it. */
export class Bodies {
  readonly #medium: LmdbMedium
  readonly #now: () => number

  constructor(medium: LmdbMedium, now: () => number) {
    this.#medium = medium
    this.#now = now
  }

  /** Small enough to be written on this thread within the transaction that takes it. */
  fitsInline(pieces: readonly Uint8Array[]): boolean {
    return sizeOf(pieces) <= CHUNK
  }

  /** Within a transaction. */
  put(incarnation: string, name: string, pieces: readonly Uint8Array[]): Body {
    let chunks = 0
    for (const chunk of chunksOf(pieces, CHUNK)) {
      this.#medium.bytes.put(chunkKey(incarnation, name, chunks++), readable(chunk))
    }
    return { name, size: sizeOf(pieces), chunks }
  }

  /** Write a large body, then take or leave it in one transaction. Under a name of its own: it may be a retry's. */
  async staged<T>(
    what: string,
    incarnation: string,
    pieces: readonly Uint8Array[],
    commit: (body: Body) => T,
  ): Promise<T> {
    const name = randomBytes(16).toString('hex')
    try {
      const body = await this.stage(incarnation, name, pieces, this.#now() + STAGING_MS)
      return await this.#medium.write(what, () => commit(body))
    } catch (error) {
      await this.#medium
        .write(what, () => this.release(incarnation, { name }))
        .catch(() => {
          // The medium fails, or has been closed: the mark beside the body has it removed later.
        })
      throw error
    }
  }

  /**
   * Write a large body ahead of the transaction that takes it, on LMDB's thread and straight from the caller's
   * memory. The mark beside it lets anyone remove it after `deadline` if it never is taken.
   */
  async stage(
    incarnation: string,
    name: string,
    pieces: readonly Uint8Array[],
    deadline: number,
  ): Promise<Body> {
    const size = sizeOf(pieces)
    const mark = Buffer.from(String(deadline))
    let chunks = 0
    let batch: (readonly Uint8Array[])[] = []
    const flush = async () => {
      const ready = batch
      batch = []
      await this.#medium.batch(`write ${size} bytes`, () => {
        this.#medium.staged.put(stagedKey(incarnation, name), mark)
        for (const chunk of ready)
          this.#medium.bytes.put(chunkKey(incarnation, name, chunks++), readable(chunk))
      })
    }
    for (const chunk of chunksOf(pieces, CHUNK)) if (batch.push(chunk) === BATCH) await flush()
    if (batch.length > 0) await flush()
    return { name, size, chunks }
  }

  /** Within a transaction: the staged body is taken. */
  take(incarnation: string, { name }: Body): void {
    const key = stagedKey(incarnation, name)
    if (this.#medium.staged.get(key) === undefined) {
      throw new StoreUnavailable('Cannot take a body that took too long to write: it has been cleaned away')
    }
    this.#medium.staged.remove(key)
  }

  /** Within a transaction: a body that has been staged and not taken leaves nothing. */
  release(incarnation: string, { name }: Pick<Body, 'name'>): void {
    if (this.#medium.staged.get(stagedKey(incarnation, name)) !== undefined) this.remove(incarnation, name)
  }

  /** Within a transaction. */
  remove(incarnation: string, name: string): void {
    this.#medium.removeUnder(this.#medium.bytes, chunksKey(incarnation, name))
    this.#medium.staged.remove(stagedKey(incarnation, name))
  }

  /** Within a transaction: look at some of what is staged, and remove what nobody has taken in time. */
  sweep(limit: number): void {
    const now = this.#now()
    for (const { key, value } of [...this.#medium.staged.getRange({ limit })]) {
      if (Number(Buffer.from(value).toString()) > now) continue
      const [incarnation = '', name = ''] = key.split('/')
      this.remove(incarnation, name)
    }
  }

  /** As it is for readers: a small one is read at once, a large one when it is gone through. */
  async open(transaction: Transaction, place: Place): Promise<StoredBody> {
    const { size, chunks } = place.body
    if (chunks > 1) return { size, read: (pieces) => this.#late(place, into(pieces)) }
    const pieces: Uint8Array[] = []
    await this.#through(transaction, place, (chunk) => pieces.push(new Uint8Array(chunk)))
    return inMemory(pieces)
  }

  #late(place: Place, work: Work): Promise<void> {
    const { at, body, what } = place
    return this.#medium.hold(async (transaction) => {
      const now = this.#medium.journal.get(at, { transaction })
      if (now === undefined || decode<{ readonly body: Body }>(now, what).header.body.name !== body.name)
        throw new Replaced(`Cannot read ${what}: it is not there any more`)
      await this.#through(transaction, place, work)
    })
  }

  /** Throws `StateLost` where a chunk is not there. */
  async #through(transaction: Transaction, { incarnation, body, what }: Place, work: Work): Promise<void> {
    const { name, size, chunks } = body
    let at = 0
    for (let index = 0; index < chunks; index++) {
      if (index % BATCH === BATCH - 1) await setImmediate()
      const chunk = this.#medium.bytes.get(chunkKey(incarnation, name, index), { transaction })
      if (chunk === undefined)
        throw new StateLost(`Cannot read ${what}: chunk ${index} of ${chunks} is missing`)
      work(chunk, at)
      at += chunk.length
    }
    if (at !== size) throw new StateLost(`Cannot read ${what}: ${at} bytes are there, expected ${size}`)
  }
}
