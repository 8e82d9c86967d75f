import type { Transaction } from 'lmdb'
import { decode, encode } from '../codec.ts'
import { type KeptRound, openRound } from '../rounds.ts'
import type { Head, Page, StoredSession } from '../store.ts'
import { StateLost } from '../store.ts'
import { allOf, recordKey } from './keys.ts'
import type { LmdbMedium } from './medium.ts'
import { page } from './paging.ts'

/** What is kept of a session besides its record, and written anew with every entry. */
export interface Session extends Omit<Head, 'round'> {
  readonly incarnation: string
  readonly created: number
  readonly ttl: number
  readonly expires: number
  /** Id of the entry before the head's. */
  readonly previous: string
  /** Number of the entry that the snapshot stands for; −1 without one. */
  readonly base: number
  readonly round?: KeptRound
  /** How many members have given anything, beside rounds. */
  readonly members?: number
}

const sessionOf = (bytes: Uint8Array, key: string): Session =>
  decode<Session>(bytes, `session "${key}"`).header

/** The table of sessions, and how long each of them lives. */
export class Sessions {
  readonly #medium: LmdbMedium
  readonly now: () => number
  #sweepFrom = ''

  constructor(medium: LmdbMedium, now: () => number) {
    this.#medium = medium
    this.now = now
  }

  headOf({ seq, id, step, digest, round }: Session): Head {
    return { seq, id, step, digest, ...openRound(round, this.now()) }
  }

  /** The session as kept, expired or not. */
  kept(key: string, transaction?: Transaction): Session | undefined {
    const bytes = this.#medium.heads.get(key, transaction && { transaction })
    return bytes && sessionOf(bytes, key)
  }

  /** Within a transaction: keep the session, its time to live started anew. */
  renew(key: string, session: Session, ttl = session.ttl): Session {
    // The time to live is renewed at each use, but written only when an eighth of it has gone since it last was:
    // reading a session then rarely writes. It lives up to an eighth longer for that, never shorter.
    const renewed = { ...session, ttl, expires: this.now() + ttl + Math.ceil(ttl / 8) }
    this.#medium.heads.put(key, encode(renewed))
    return renewed
  }

  #isStale({ expires, ttl }: Session): boolean {
    return expires - this.now() < ttl
  }

  #isExpired({ expires }: Session): boolean {
    return expires <= this.now()
  }

  /** Within a transaction: the session, renewed. One that has expired is removed. */
  use(key: string): Session | undefined {
    const session = this.kept(key)
    if (session === undefined) return undefined
    if (this.#isExpired(session)) {
      this.forget(key, session)
      return undefined
    }
    return this.#isStale(session) ? this.renew(key, session) : session
  }

  /** The session for reading; it is written to only where it has to be renewed or removed. */
  async find(key: string): Promise<Session | undefined> {
    const session = this.#medium.read(() => this.kept(key))
    if (session === undefined) return undefined
    if (!this.#isExpired(session) && !this.#isStale(session)) return session
    return this.#medium.write(`renew session "${key}"`, () => this.use(key))
  }

  /** Within a transaction. */
  make(key: string, { incarnation, record, ttl }: Pick<StoredSession, 'incarnation' | 'record' | 'ttl'>) {
    const head = { seq: 0, id: incarnation, step: 0, digest: '' }
    const times = { created: this.now(), ttl, expires: 0 }
    this.#medium.bytes.put(recordKey(incarnation), encode({}, record))
    return this.renew(key, { ...head, incarnation, ...times, previous: '', base: -1 })
  }

  /** Within a transaction. */
  forget(key: string, { incarnation }: Session): void {
    this.#medium.heads.remove(key)
    for (const table of this.#medium.ofSessions) {
      this.#medium.removeUnder(table, allOf(incarnation))
    }
  }

  /** The session as the store's callers see it. */
  view(key: string, session: Session): StoredSession {
    const { incarnation, created, ttl } = session
    const bytes = this.#medium.bytes.get(recordKey(incarnation))
    if (bytes === undefined) throw new StateLost(`Cannot read session "${key}": its record is missing`)
    const record = decode(bytes, `session "${key}"`).bytes
    return { incarnation, record, head: this.headOf(session), created, ttl, expires: this.now() + ttl }
  }

  /** Within a transaction: remove a few of what has expired, going round over all there is. */
  sweep(limit: number): void {
    const start = this.#sweepFrom
    const seen = [...this.#medium.heads.getRange({ ...(start && { start }), limit })]
    for (const { key, value } of seen) {
      const session = sessionOf(value, key)
      if (this.#isExpired(session)) this.forget(key, session)
    }
    this.#sweepFrom = seen[limit - 1]?.key ?? ''
  }

  /** Keys in order. Does not renew; what has expired is removed. */
  async list(prefix: string, limit: number, cursor?: string): Promise<Page> {
    const { found, next } = page(this.#medium, this.#medium.heads, prefix, limit, cursor)
    const expired = found.filter(({ key, value }) => this.#isExpired(sessionOf(value, key)))
    const gone = new Set(expired.map(({ key }) => key))
    if (gone.size > 0) {
      await this.#medium.write('remove expired sessions', () => {
        for (const key of gone) this.use(key)
      })
    }
    return { keys: found.map(({ key }) => key).filter((key) => !gone.has(key)), ...next }
  }
}
