import { decode, encode } from '../codec.ts'
import type { NewSnapshot, Snapshot } from '../store.ts'
import { StateLost } from '../store.ts'
import type { Bodies, Body } from './bodies.ts'
import type { Journal } from './journal.ts'
import { snapshotKey } from './keys.ts'
import type { LmdbMedium } from './medium.ts'
import type { Session, Sessions } from './sessions.ts'

type SnapshotHeader = Omit<Snapshot, 'meta' | 'body'> & { readonly body: Body }

/** The one snapshot of each session, in place of the entries up to it. */
export class Snapshots {
  readonly #medium: LmdbMedium
  readonly #sessions: Sessions
  readonly #bodies: Bodies
  readonly #journal: Journal

  constructor(medium: LmdbMedium, sessions: Sessions, bodies: Bodies, journal: Journal) {
    this.#medium = medium
    this.#sessions = sessions
    this.#bodies = bodies
    this.#journal = journal
  }

  async get(key: string): Promise<Snapshot | undefined> {
    const session = await this.#sessions.find(key)
    if (session === undefined) return undefined
    const { incarnation } = session
    const what = `the snapshot of session "${key}"`
    return this.#medium.hold(async (transaction) => {
      const at = snapshotKey(incarnation)
      const bytes = this.#medium.journal.get(at, { transaction })
      const still = this.#sessions.kept(key, transaction)?.incarnation === incarnation
      if (bytes === undefined && session.base >= 0 && still) {
        throw new StateLost(`Cannot read ${what}: it is missing, expected that of entry ${session.base}`)
      }
      if (bytes === undefined) return undefined
      const { header, bytes: meta } = decode<SnapshotHeader>(bytes, what)
      const { seq, id, body } = header
      const place = { incarnation, at, body, what }
      return { seq, id, meta, body: await this.#bodies.open(transaction, place) }
    })
  }

  async put(key: string, { seq, id, meta, incarnation, body: pieces }: NewSnapshot): Promise<boolean> {
    const what = `put a snapshot of session "${key}"`
    const fits = (session: Session | undefined): session is Session =>
      session?.incarnation === incarnation && seq > session.base && this.#journal.idAt(session, seq) === id
    const found = await this.#sessions.find(key)
    if (!this.#medium.read(() => fits(found))) return false
    return this.#bodies.staged(what, incarnation, pieces, (body) => {
      const session = this.#sessions.use(key)
      if (!fits(session)) {
        this.#bodies.release(incarnation, body)
        return false
      }
      this.#journal.trim(session, seq)
      if (body.chunks > 0) this.#bodies.take(incarnation, body)
      const header: SnapshotHeader = { seq, id, body }
      this.#medium.journal.put(snapshotKey(incarnation), encode(header, meta))
      this.#sessions.renew(key, { ...session, base: seq })
      return true
    })
  }
}
