import { type Database, open, type Transaction } from 'lmdb'
import { StoreUnavailable } from '../store.ts'
import { under } from './keys.ts'

export type Table = Database<Uint8Array, string>

/** LMDB's own errors, of which a failed commit keeps its reason to itself at first. */
const isFault = (error: unknown): error is Error & { readonly commitError?: Promise<unknown> } =>
  error instanceof Error && ('commitError' in error || ('code' in error && typeof error.code === 'number'))

/** One LMDB environment: its tables and its transactions. */
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
  /** What was taken from the members of sessions, under their incarnations. */
  readonly members: Table
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
      this.members = table('members')
      this.values = table('values')
    } catch (error) {
      throw new StoreUnavailable(`Cannot open LMDB in ${path}: ${String(error)}`, { cause: error })
    }
  }

  /** Where all that is kept of a session besides its head is, under its incarnation. */
  get ofSessions(): readonly Table[] {
    return [this.journal, this.bytes, this.staged, this.members]
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

  /** Hand what `action` puts to LMDB's thread, straight from the caller's memory: kept all or nothing. */
  async batch(what: string, action: () => void): Promise<void> {
    this.#check()
    try {
      await this.#root.batch(action)
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

  /** Within a transaction. Returns how many there were. */
  removeUnder(table: Table, prefix: string): number {
    const keys = [...table.getKeys(under(prefix))]
    for (const key of keys) table.remove(key)
    return keys.length
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#root.close()
  }
}
