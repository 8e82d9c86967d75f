import { expectFormat, FORMAT } from '../codec.ts'
import type { StoreOptions } from '../options.ts'
import type { NewEntry, NewSnapshot, Page, Store, StoredSession } from '../store.ts'
import { Watchers } from '../watchers.ts'
import { Bodies } from './bodies.ts'
import { Journal } from './journal.ts'
import { LmdbMedium } from './medium.ts'
import { MemberTable } from './members.ts'
import { page } from './paging.ts'
import { Sessions } from './sessions.ts'
import { Snapshots } from './snapshots.ts'

/** Sessions and staged bodies looked at for expiry with each creation. */
const SWEEP = 8
/** LMDB tells nobody of what other processes write: those who wait for it look so often. */
const POLL_MS = 250

/** A folder on this machine, which several processes may share. Resolved promises are on disk. */
class LmdbStore implements Store {
  readonly name = 'lmdb'
  readonly #medium: LmdbMedium
  readonly #sessions: Sessions
  readonly #bodies: Bodies
  readonly #journal: Journal
  readonly #snapshots: Snapshots
  readonly #watchers = new Watchers(POLL_MS)

  constructor(path: string, now: () => number) {
    this.#medium = new LmdbMedium(path)
    this.#sessions = new Sessions(this.#medium, now)
    this.#bodies = new Bodies(this.#medium, now)
    this.#journal = new Journal(this.#medium, this.#sessions, this.#bodies, new MemberTable(this.#medium))
    this.#snapshots = new Snapshots(this.#medium, this.#sessions, this.#bodies, this.#journal)
  }

  create(key: string, made: Pick<StoredSession, 'incarnation' | 'record' | 'ttl'>) {
    return this.#medium.write(`create session "${key}"`, () => {
      const present = this.#sessions.use(key)
      if (present !== undefined) return { created: false, session: this.#sessions.view(key, present) }
      this.#sessions.sweep(SWEEP)
      this.#bodies.sweep(SWEEP)
      return { created: true, session: this.#sessions.view(key, this.#sessions.make(key, made)) }
    })
  }

  async get(key: string) {
    const session = await this.#sessions.find(key)
    if (session === undefined) return undefined
    return this.#medium.read(() => {
      const present = this.#sessions.kept(key)
      return present && this.#sessions.view(key, present)
    })
  }

  setTtl(key: string, ttl: number) {
    return this.#medium.write(`set the time to live of session "${key}"`, () => {
      const session = this.#sessions.use(key)
      if (session === undefined) return false
      this.#sessions.renew(key, session, ttl)
      return true
    })
  }

  delete(key: string) {
    return this.#medium.write(`delete session "${key}"`, () => {
      const session = this.#sessions.use(key)
      if (session === undefined) return false
      this.#sessions.forget(key, session)
      return true
    })
  }

  list(prefix: string, limit: number, cursor?: string) {
    return this.#sessions.list(prefix, limit, cursor)
  }

  async append(key: string, entry: NewEntry) {
    const appended = await this.#journal.append(key, entry)
    const { round, restores } = entry
    if ((round ?? restores) !== undefined && appended.status === 'appended') this.#watchers.call(key)
    return appended
  }

  watch(key: string, listener: () => void) {
    return this.#watchers.add(key, listener)
  }

  entries(key: string, seq: number) {
    return this.#journal.entries(key, seq)
  }

  snapshot(key: string) {
    return this.#snapshots.get(key)
  }

  putSnapshot(key: string, snapshot: NewSnapshot) {
    return this.#snapshots.put(key, snapshot)
  }

  async getValue(key: string) {
    const bytes = this.#medium.read(() => this.#medium.values.get(key))
    if (bytes === undefined) return undefined
    expectFormat(bytes[0], `value "${key}"`)
    return new Uint8Array(bytes.subarray(1))
  }

  async putValue(key: string, value: Uint8Array) {
    const bytes = Buffer.concat([Uint8Array.of(FORMAT), value])
    await this.#medium.write(`put value "${key}"`, () => this.#medium.values.put(key, bytes))
  }

  deleteValue(key: string) {
    return this.#medium.write(`delete value "${key}"`, () => {
      const present = this.#medium.values.get(key) !== undefined
      this.#medium.values.remove(key)
      return present
    })
  }

  async listValues(prefix: string, limit: number, cursor?: string): Promise<Page> {
    const { found, next } = page(this.#medium, this.#medium.values, prefix, limit, cursor)
    return { keys: found.map(({ key }) => key), ...next }
  }

  async ping() {
    this.#medium.read(() => this.#medium.values.get('ping'))
  }

  close() {
    this.#watchers.close()
    return this.#medium.close()
  }
}

export const openLmdbStore = async (path: string, { now = Date.now }: StoreOptions = {}): Promise<Store> => {
  if (path === '')
    throw new Error('Cannot open an LMDB store without a folder: expected a url like lmdb:./data')
  return new LmdbStore(path, now)
}
