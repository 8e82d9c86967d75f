import { randomBytes } from 'node:crypto'
import { decode, encode, expectFormat, FORMAT } from './codec.ts'
import { type Body, entryKey, LmdbMedium } from './lmdb-medium.ts'
import type { StoreOptions } from './options.ts'
import type { Appended, Entry, Head, NewEntry, NewSnapshot, Page, Store, StoredSession } from './store.ts'
import { StateLost } from './store.ts'

/** What is kept of a session besides its record, and written anew with every entry. */
interface Session extends Head {
  readonly incarnation: string
  readonly created: number
  readonly ttl: number
  readonly expires: number
  /** Id of the entry before the head's. */
  readonly previous: string
  /** Number of the entry that the snapshot stands for; −1 without one. */
  readonly base: number
}

type EntryHeader = Omit<Entry, 'meta' | 'body'> & { readonly body: Body }
interface SnapshotHeader {
  readonly seq: number
  readonly id: string
  readonly body: Body
}

/** How long a large body may take to be written. */
const STAGING_MS = 600_000
/** Sessions and staged bodies looked at for expiry with each creation. */
const SWEEP = 8

const headOf = ({ seq, id, step, digest }: Session): Head => ({ seq, id, step, digest })
const snapshotKey = (incarnation: string): string => `${incarnation}/snapshot`

/** A folder on this machine, which several processes may share. Resolved promises are on disk. */
class LmdbStore implements Store {
  readonly name = 'lmdb'
  readonly #medium: LmdbMedium
  readonly #now: () => number
  #sweepFrom = ''

  constructor(path: string, now: () => number) {
    this.#medium = new LmdbMedium(path)
    this.#now = now
  }

  /** The session as kept, expired or not. */
  #kept(key: string): Session | undefined {
    const bytes = this.#medium.heads.get(key)
    return bytes && decode<Session>(bytes, `session "${key}"`).header
  }

  #keep(key: string, session: Session): Session {
    this.#medium.heads.put(key, encode(session))
    return session
  }

  /**
   * The time to live is renewed at each use, but written only when an eighth of it has gone since it last was:
   * reading a session then rarely writes. It lives up to an eighth longer for that, never shorter.
   */
  #renewed(session: Session, ttl = session.ttl): Session {
    return { ...session, ttl, expires: this.#now() + ttl + Math.ceil(ttl / 8) }
  }

  #isStale({ expires, ttl }: Session): boolean {
    return expires - this.#now() < ttl
  }

  #isExpired({ expires }: Session): boolean {
    return expires <= this.#now()
  }

  /** Within a transaction: the session, renewed. One that has expired is removed. */
  #use(key: string): Session | undefined {
    const session = this.#kept(key)
    if (session === undefined) return undefined
    if (this.#isExpired(session)) {
      this.#forget(key, session)
      return undefined
    }
    return this.#isStale(session) ? this.#keep(key, this.#renewed(session)) : session
  }

  /** Within a transaction. */
  #forget(key: string, { incarnation }: Session): void {
    this.#medium.heads.remove(key)
    for (const table of [this.#medium.journal, this.#medium.bytes, this.#medium.staged]) {
      this.#medium.removeUnder(table, `${incarnation}/`)
    }
  }

  /** The session for reading; it is written to only where it has to be renewed or removed. */
  async #find(key: string): Promise<Session | undefined> {
    const session = this.#medium.read(() => this.#kept(key))
    if (session === undefined) return undefined
    if (!this.#isExpired(session) && !this.#isStale(session)) return session
    return this.#medium.write(`renew session "${key}"`, () => this.#use(key))
  }

  #view(key: string, session: Session): StoredSession {
    const record = this.#medium.bytes.get(`${session.incarnation}/record`)
    if (record === undefined) throw new StateLost(`Cannot read session "${key}": its record is missing`)
    const { incarnation, created, ttl } = session
    const expires = this.#now() + ttl
    return {
      incarnation,
      record: decode(record, `session "${key}"`).bytes,
      head: headOf(session),
      created,
      ttl,
      expires,
    }
  }

  /** Within a transaction: remove a few of what has expired, going round over all there is. */
  #sweep(): void {
    const { heads, staged } = this.#medium
    const now = this.#now()
    const seen = [...heads.getRange({ ...(this.#sweepFrom && { start: this.#sweepFrom }), limit: SWEEP })]
    for (const { key, value } of seen) {
      const session = decode<Session>(value, `session "${key}"`).header
      if (this.#isExpired(session)) this.#forget(key, session)
    }
    this.#sweepFrom = seen[SWEEP - 1]?.key ?? ''
    for (const { key, value } of [...staged.getRange({ limit: SWEEP })]) {
      if (Number(Buffer.from(value).toString()) > now) continue
      const [incarnation = '', name = ''] = key.split('/')
      this.#medium.removeBody(incarnation, name)
    }
  }

  create(key: string, made: Pick<StoredSession, 'incarnation' | 'record' | 'ttl'>) {
    return this.#medium.write(`create session "${key}"`, () => {
      const present = this.#use(key)
      if (present !== undefined) return { created: false, session: this.#view(key, present) }
      this.#sweep()
      const { incarnation, ttl } = made
      const head: Head = { seq: 0, id: incarnation, step: 0, digest: '' }
      const times = { created: this.#now(), ttl, expires: 0 }
      const session = this.#renewed({ ...head, incarnation, ...times, previous: '', base: -1 })
      this.#medium.bytes.put(`${incarnation}/record`, encode({}, made.record))
      return { created: true, session: this.#view(key, this.#keep(key, session)) }
    })
  }

  async get(key: string) {
    const session = await this.#find(key)
    if (session === undefined) return undefined
    return this.#medium.read(() => {
      const present = this.#kept(key)
      return present && this.#view(key, present)
    })
  }

  setTtl(key: string, ttl: number) {
    return this.#medium.write(`set the time to live of session "${key}"`, () => {
      const session = this.#use(key)
      if (session === undefined) return false
      this.#keep(key, this.#renewed(session, ttl))
      return true
    })
  }

  delete(key: string) {
    return this.#medium.write(`delete session "${key}"`, () => {
      const session = this.#use(key)
      if (session === undefined) return false
      this.#forget(key, session)
      return true
    })
  }

  async list(prefix: string, limit: number, cursor?: string): Promise<Page> {
    const { found, next } = this.#page(this.#medium.heads, prefix, limit, cursor)
    const expired = found.filter(({ key, value }) =>
      this.#isExpired(decode<Session>(value, `session "${key}"`).header),
    )
    const gone = new Set(expired.map(({ key }) => key))
    if (gone.size > 0) {
      await this.#medium.write('remove expired sessions', () => {
        for (const key of gone) this.#use(key)
      })
    }
    return { keys: found.map(({ key }) => key).filter((key) => !gone.has(key)), ...next }
  }

  #page(table: LmdbMedium['heads'], prefix: string, limit: number, cursor = '') {
    const start = cursor > prefix ? cursor : prefix
    const rows = this.#medium.read(() => [...table.getRange({ ...(start && { start }), limit: limit + 2 })])
    const rest = rows.filter(({ key }) => key.startsWith(prefix) && key > cursor)
    const found = rest.slice(0, limit)
    const last = found.at(-1)
    return { found, next: rest.length > limit && last !== undefined ? { cursor: last.key } : {} }
  }

  /** What becomes of an entry, by the state of its session alone; none when it is to be taken. */
  #verdict(session: Session | undefined, { id, incarnation, after }: NewEntry): Appended | undefined {
    if (session?.incarnation !== incarnation) return { status: 'missing' }
    const head = headOf(session)
    if (session.id === id) return { status: 'appended', head, previous: session.previous }
    if (after !== undefined && after !== session.step) return { status: 'refused', head }
    return undefined
  }

  async append(key: string, entry: NewEntry): Promise<Appended> {
    const { incarnation } = entry
    const what = `append to session "${key}"`
    if (this.#medium.fitsInline(entry.body)) {
      return this.#medium.write(what, () =>
        this.#commit(key, entry, (seq) => this.#medium.putBody(incarnation, `entry-${seq}`, entry.body)),
      )
    }
    const early = this.#verdict(await this.#find(key), entry)
    if (early !== undefined) return early
    return this.#staged(what, incarnation, entry.body, (body) => {
      const result = this.#commit(key, entry, () => {
        this.#medium.take(incarnation, body)
        return body
      })
      this.#medium.release(incarnation, body)
      return result
    })
  }

  /** Write a large body, then take or leave it in one transaction. Under a name of its own: it may be a retry's. */
  async #staged<T>(
    what: string,
    incarnation: string,
    pieces: readonly Uint8Array[],
    commit: (body: Body) => T,
  ): Promise<T> {
    const name = randomBytes(16).toString('hex')
    try {
      const body = await this.#medium.stage(incarnation, name, pieces, this.#now() + STAGING_MS)
      return await this.#medium.write(what, () => commit(body))
    } catch (error) {
      await this.#medium
        .write(what, () => this.#medium.release(incarnation, { name }))
        .catch(() => {
          // The medium fails, or has been closed: the mark beside the body has it removed later.
        })
      throw error
    }
  }

  /** Within a transaction: take the entry, unless the state of the session forbids it. */
  #commit(key: string, entry: NewEntry, place: (seq: number) => Body): Appended {
    const session = this.#use(key)
    const verdict = this.#verdict(session, entry)
    if (verdict !== undefined || session === undefined) return verdict ?? { status: 'missing' }
    const seq = session.seq + 1
    const step = session.step + (entry.advance ? 1 : 0)
    const previous = session.id
    const { id, meta } = entry
    const header: EntryHeader = { seq, id, previous, step, body: place(seq) }
    this.#medium.journal.put(entryKey(session.incarnation, seq), encode(header, meta))
    const digest = entry.advance?.digest ?? session.digest
    const taken = this.#keep(key, this.#renewed({ ...session, seq, id, previous, step, digest }))
    return { status: 'appended', head: headOf(taken), previous }
  }

  async *entries(key: string, seq: number): AsyncGenerator<Entry> {
    const incarnation = (await this.#find(key))?.incarnation
    for (let last = seq; ; ) {
      const entry = await this.#medium.hold(async (transaction): Promise<Entry | undefined> => {
        const kept = this.#medium.heads.get(key, { transaction })
        const session = kept && decode<Session>(kept, `session "${key}"`).header
        if (session === undefined || session.incarnation !== incarnation) return undefined
        const next = Math.max(last, session.base) + 1
        if (next > session.seq) return undefined
        const what = `entry ${next} of session "${key}"`
        const bytes = this.#medium.journal.get(entryKey(incarnation, next), { transaction })
        if (bytes === undefined) throw new StateLost(`Cannot read ${what}: it is missing`)
        const { header, bytes: meta } = decode<EntryHeader>(bytes, what)
        return { ...header, meta, body: await this.#medium.body(transaction, incarnation, header.body, what) }
      })
      if (entry === undefined) return
      last = entry.seq
      yield entry
    }
  }

  async snapshot(key: string) {
    const session = await this.#find(key)
    if (session === undefined) return undefined
    const { incarnation } = session
    const what = `the snapshot of session "${key}"`
    return this.#medium.hold(async (transaction) => {
      const bytes = this.#medium.journal.get(snapshotKey(incarnation), { transaction })
      if (bytes === undefined && session.base >= 0 && this.#medium.heads.get(key, { transaction })) {
        throw new StateLost(`Cannot read ${what}: it is missing, expected that of entry ${session.base}`)
      }
      if (bytes === undefined) return undefined
      const { header, bytes: meta } = decode<SnapshotHeader>(bytes, what)
      return { ...header, meta, body: await this.#medium.body(transaction, incarnation, header.body, what) }
    })
  }

  async putSnapshot(key: string, snapshot: NewSnapshot): Promise<boolean> {
    const { seq, id, meta, incarnation } = snapshot
    const what = `put a snapshot of session "${key}"`
    const fits = (session: Session | undefined): session is Session =>
      session?.incarnation === incarnation && seq > session.base && this.#idAt(session, seq) === id
    const found = await this.#find(key)
    if (!this.#medium.read(() => fits(found))) return false
    return this.#staged(what, incarnation, snapshot.body, (body) => {
      const session = this.#use(key)
      if (!fits(session)) {
        this.#medium.release(incarnation, body)
        return false
      }
      this.#trim(session, seq)
      if (body.chunks > 0) this.#medium.take(incarnation, body)
      this.#medium.journal.put(
        snapshotKey(incarnation),
        encode({ seq, id, body } satisfies SnapshotHeader, meta),
      )
      this.#keep(key, this.#renewed({ ...session, base: seq }))
      return true
    })
  }

  #idAt(session: Session, seq: number): string | undefined {
    if (seq === session.seq) return session.id
    if (seq === 0) return session.incarnation
    const bytes = this.#medium.journal.get(entryKey(session.incarnation, seq))
    return bytes && decode<EntryHeader>(bytes, `entry ${seq}`).header.id
  }

  /** Within a transaction: remove the snapshot and all entries up to `seq`. */
  #trim({ incarnation, base }: Session, seq: number): void {
    const { journal } = this.#medium
    const entries = Array.from({ length: seq - Math.max(base, 0) }, (_, i) => entryKey(incarnation, seq - i))
    for (const key of [...entries, snapshotKey(incarnation)]) {
      const bytes = journal.get(key)
      if (bytes === undefined) continue
      this.#medium.removeBody(incarnation, decode<{ readonly body: Body }>(bytes, key).header.body.name)
      journal.remove(key)
    }
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
    const { found, next } = this.#page(this.#medium.values, prefix, limit, cursor)
    return { keys: found.map(({ key }) => key), ...next }
  }

  async ping() {
    this.#medium.read(() => this.#medium.values.get('ping'))
  }

  close() {
    return this.#medium.close()
  }
}

export const openLmdbStore = async (path: string, { now = Date.now }: StoreOptions = {}): Promise<Store> => {
  if (path === '')
    throw new Error('Cannot open an LMDB store without a folder: expected a url like lmdb:./data')
  return new LmdbStore(path, now)
}
