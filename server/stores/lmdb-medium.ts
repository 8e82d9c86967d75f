import { setImmediate } from 'node:timers/promises'
import { type Database, open, type Transaction } from 'lmdb'
import { chunksOf, joined, sizeOf } from './pieces.ts'
import { StateLost, StoreUnavailable } from './store.ts'

type Table = Database<Uint8Array, string>

/** Overflow pages of one value must lie together in the file: small values find a free place, large ones grow it. */
const CHUNK = 1 << 20
/** Bytes in one transaction while a large body is staged: what others wait for, and what LMDB holds in memory. */
const BATCH = 16

/** Where a body's bytes are: `chunks` values under `<incarnation>/<name>/`. */
export interface Body {
  readonly name: string
  readonly size: number
  readonly chunks: number
}

/** Keys that start with `prefix`, which ends in a slash: '0' is the character after '/'. */
export const under = (prefix: string) => ({ start: prefix, end: `${prefix.slice(0, -1)}0` })

const digits = (n: number): string => String(n).padStart(16, '0')
export const entryKey = (incarnation: string, seq: number): string => `${incarnation}/${digits(seq)}`
const chunkKey = (incarnation: string, name: string, index: number): string =>
  `${incarnation}/${name}/${digits(index)}`

/** LMDB's own errors, of which a failed commit keeps its reason to itself at first. */
const isFault = (error: unknown): error is Error & { readonly commitError?: Promise<unknown> } =>
  error instanceof Error && ('commitError' in error || ('code' in error && typeof error.code === 'number'))

/** One LMDB environment: its tables, its transactions, and bodies in it. */
export class LmdbMedium {
  readonly #root
  readonly #path: string
  #closed = false
  /** Session key → where the session is. */
  readonly heads: Table
  /** `<incarnation>/<seq>` → what an entry is, without its body; `<incarnation>/snapshot` likewise. */
  readonly journal: Table
  /** `<incarnation>/record` and chunks of bodies. */
  readonly bytes: Table
  /** `<incarnation>/<name>` of a body that is being written → until when it may be. */
  readonly staged: Table
  readonly values: Table

  constructor(path: string) {
    this.#path = path
    try {
      // overlappingSync off: a promise then resolves when the commit is on disk, so that it survives a power cut and
      // not only the process. Commits queue behind one fsync at a time and share it: measured with 4 KiB bodies,
      // 0.6–0.7 ms an append alone and 0.05 ms with 50 at once, the same as with overlappingSync and waiting for
      // `flushed`; without any fsync 0.23 ms alone.
      // eventTurnBatching off: with it a failed commit (a full disk) also rejects a promise that nobody can reach,
      // which ends the process.
      this.#root = open<Uint8Array, string>({
        path,
        noSubdir: false,
        encoding: 'binary',
        overlappingSync: false,
        eventTurnBatching: false,
        maxDbs: 8,
      })
      const table = (name: string) => this.#root.openDB<Uint8Array, string>(name, { encoding: 'binary' })
      this.heads = table('heads')
      this.journal = table('journal')
      this.bytes = table('bytes')
      this.staged = table('staged')
      this.values = table('values')
    } catch (error) {
      throw new StoreUnavailable(`Cannot open LMDB in ${path}: ${String(error)}`, { cause: error })
    }
  }

  #check(): void {
    if (this.#closed) throw new StoreUnavailable(`Cannot use LMDB in ${this.#path}: it has been closed`)
  }

  #unavailable(error: unknown, what: string, reason = error): unknown {
    if (!isFault(error)) return error
    const { message } = reason instanceof Error ? reason : error
    return new StoreUnavailable(`Cannot ${what}: LMDB in ${this.#path} failed: ${message}`, { cause: error })
  }

  async #uncommitted(error: unknown, what: string): Promise<unknown> {
    const reason = isFault(error) && (await error.commitError?.catch((reason: unknown) => reason))
    return this.#unavailable(error, what, reason)
  }

  /**
   * Run `action` alone among all threads and processes on the folder; all of what it writes is kept, or, where it
   * throws, nothing. It runs on this thread, between turns, and must not wait.
   */
  async write<T>(what: string, action: () => T): Promise<T> {
    this.#check()
    try {
      return await this.#root.childTransaction(action)
    } catch (error) {
      throw await this.#uncommitted(error, what)
    }
  }

  /** Read the present state: without the reset it would be that of the start of the event turn. */
  read<T>(action: () => T): T {
    this.#check()
    try {
      this.#root.resetReadTxn()
      return action()
    } catch (error) {
      throw this.#unavailable(error, 'read')
    }
  }

  /** Read one state over several turns. */
  async hold<T>(action: (transaction: Transaction) => Promise<T>): Promise<T> {
    const transaction = this.read(() => this.#root.useReadTransaction())
    try {
      return await action(transaction)
    } catch (error) {
      throw this.#unavailable(error, 'read')
    } finally {
      transaction.done()
    }
  }

  /** Small enough to be written on this thread within the transaction that takes it. */
  fitsInline(pieces: readonly Uint8Array[]): boolean {
    return sizeOf(pieces) <= CHUNK
  }

  /** Within a transaction. */
  putBody(incarnation: string, name: string, pieces: readonly Uint8Array[]): Body {
    let chunks = 0
    for (const chunk of chunksOf(pieces, CHUNK)) {
      this.bytes.put(chunkKey(incarnation, name, chunks++), whole(chunk))
    }
    return { name, size: sizeOf(pieces), chunks }
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
    this.#check()
    const mark = Buffer.from(String(deadline))
    let chunks = 0
    let batch: (readonly Uint8Array[])[] = []
    const flush = async () => {
      const ready = batch
      batch = []
      await this.#root.batch(() => {
        this.staged.put(`${incarnation}/${name}`, mark)
        for (const chunk of ready) this.bytes.put(chunkKey(incarnation, name, chunks++), whole(chunk))
      })
    }
    try {
      for (const chunk of chunksOf(pieces, CHUNK)) if (batch.push(chunk) === BATCH) await flush()
      if (batch.length > 0) await flush()
    } catch (error) {
      throw await this.#uncommitted(error, `write ${sizeOf(pieces)} bytes`)
    }
    return { name, size: sizeOf(pieces), chunks }
  }

  /** Within a transaction: the staged body is taken. */
  take(incarnation: string, { name }: Body): void {
    if (this.staged.get(`${incarnation}/${name}`) === undefined) {
      throw new StoreUnavailable('Cannot take a body that took too long to write: it has been cleaned away')
    }
    this.staged.remove(`${incarnation}/${name}`)
  }

  /** Within a transaction: a body that has been staged and not taken leaves nothing. */
  release(incarnation: string, { name }: Pick<Body, 'name'>): void {
    if (this.staged.get(`${incarnation}/${name}`) !== undefined) this.removeBody(incarnation, name)
  }

  /** Within a transaction. */
  removeBody(incarnation: string, name: string): void {
    this.removeUnder(this.bytes, `${incarnation}/${name}/`)
    this.staged.remove(`${incarnation}/${name}`)
  }

  /** Within a transaction. Returns how many there were. */
  removeUnder(table: Table, prefix: string): number {
    const keys = [...table.getKeys(under(prefix))]
    for (const key of keys) table.remove(key)
    return keys.length
  }

  /** The body's bytes, in memory of their own; throws `StateLost` where a chunk is not there. */
  async body(transaction: Transaction, incarnation: string, { name, size, chunks }: Body, what: string) {
    const out = new Uint8Array(size)
    let at = 0
    for (let index = 0; index < chunks; index++) {
      if (index % BATCH === BATCH - 1) await setImmediate()
      const chunk = this.bytes.get(chunkKey(incarnation, name, index), { transaction })
      if (chunk === undefined)
        throw new StateLost(`Cannot read ${what}: chunk ${index} of ${chunks} is missing`)
      out.set(chunk, at)
      at += chunk.length
    }
    if (at !== size) throw new StateLost(`Cannot read ${what}: ${at} bytes are there, expected ${size}`)
    return out
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#root.close()
  }
}

const whole = (chunk: readonly Uint8Array[]): Uint8Array => {
  const [only, second] = chunk
  return only !== undefined && second === undefined ? only : joined(chunk)
}
