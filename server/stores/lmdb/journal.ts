import { decode, encode } from '../codec.ts'
import { judge, type Verdict } from '../rounds.ts'
import type { Appended, Entry, NewEntry } from '../store.ts'
import { StateLost } from '../store.ts'
import type { Bodies, Body } from './bodies.ts'
import { entryKey, snapshotKey } from './keys.ts'
import type { LmdbMedium } from './medium.ts'
import type { MemberTable } from './members.ts'
import type { Session, Sessions } from './sessions.ts'

type EntryHeader = Omit<Entry, 'meta' | 'body'> & { readonly body: Body }

/** The entries of sessions. */
export class Journal {
  readonly #medium: LmdbMedium
  readonly #sessions: Sessions
  readonly #bodies: Bodies
  readonly #members: MemberTable

  constructor(medium: LmdbMedium, sessions: Sessions, bodies: Bodies, members: MemberTable) {
    this.#medium = medium
    this.#sessions = sessions
    this.#bodies = bodies
    this.#members = members
  }

  async append(key: string, entry: NewEntry): Promise<Appended> {
    const { incarnation, body: pieces } = entry
    const what = `append to session "${key}"`
    if (this.#bodies.fitsInline(pieces)) {
      return this.#medium.write(what, () =>
        this.#commit(key, entry, (seq) => this.#bodies.put(incarnation, `entry-${seq}`, pieces)),
      )
    }
    const session = await this.#sessions.find(key)
    const early = this.#medium.read(() => this.#judge(session, entry))
    if (early.status !== 'taken') return early
    return this.#bodies.staged(what, incarnation, pieces, (body) => {
      const result = this.#commit(key, entry, () => {
        this.#bodies.take(incarnation, body)
        return body
      })
      this.#bodies.release(incarnation, body)
      return result
    })
  }

  /** What becomes of an entry, by the state of its session alone. */
  #judge(session: Session | undefined, entry: NewEntry): Appended | Extract<Verdict, { status: 'taken' }> {
    if (session?.incarnation !== entry.incarnation) return { status: 'missing' }
    const head = this.#sessions.headOf(session)
    if (session.id === entry.id) return { status: 'appended', head, previous: session.previous }
    const members = this.#members.of(session)
    const verdict = judge(entry, head, session.round, members, this.#sessions.now())
    return verdict.status === 'taken' ? verdict : { ...verdict, head }
  }

  /** Within a transaction: take the entry, unless the state of the session forbids it. */
  #commit(key: string, entry: NewEntry, place: (seq: number) => Body): Appended {
    const session = this.#sessions.use(key)
    const verdict = this.#judge(session, entry)
    if (verdict.status !== 'taken') return verdict
    if (session === undefined) return { status: 'missing' }
    const { advances } = verdict
    const { incarnation, id: previous } = session
    const { id, meta, advance, restores } = entry
    const seq = session.seq + 1
    const step = restores ?? session.step + (advances ? 1 : 0)
    if (restores !== undefined) this.trim(session, session.seq)
    const header: EntryHeader = { seq, id, previous, step, body: place(seq) }
    const at = restores === undefined ? entryKey(incarnation, seq) : snapshotKey(incarnation)
    this.#medium.journal.put(at, encode(header, meta))
    const members = this.#members.take(session, entry, advances)
    const digest = (advances ? advance?.digest : undefined) ?? session.digest
    const base = restores === undefined ? session.base : seq
    const { round: _, ...rest } = session
    const round = verdict.round === undefined ? {} : { round: verdict.round }
    const after = { ...rest, ...round, members, seq, id, previous, step, digest, base }
    return { status: 'appended', head: this.#sessions.headOf(this.#sessions.renew(key, after)), previous }
  }

  /** Within a transaction: remove the snapshot and all entries up to `seq`. */
  trim({ incarnation, base }: Session, seq: number): void {
    const { journal } = this.#medium
    const entries = Array.from({ length: seq - Math.max(base, 0) }, (_, i) => entryKey(incarnation, seq - i))
    for (const key of [...entries, snapshotKey(incarnation)]) {
      const bytes = journal.get(key)
      if (bytes === undefined) continue
      this.#bodies.remove(incarnation, decode<{ readonly body: Body }>(bytes, key).header.body.name)
      journal.remove(key)
    }
  }

  async *entries(key: string, seq: number): AsyncGenerator<Entry> {
    const incarnation = (await this.#sessions.find(key))?.incarnation
    for (let last = seq; ; ) {
      const entry = await this.#medium.hold(async (transaction): Promise<Entry | undefined> => {
        const session = this.#sessions.kept(key, transaction)
        if (session === undefined || session.incarnation !== incarnation) return undefined
        const next = Math.max(last, session.base) + 1
        if (next > session.seq) return undefined
        const what = `entry ${next} of session "${key}"`
        const at = entryKey(incarnation, next)
        const bytes = this.#medium.journal.get(at, { transaction })
        if (bytes === undefined) throw new StateLost(`Cannot read ${what}: it is missing`)
        const { header, bytes: meta } = decode<EntryHeader>(bytes, what)
        const { body } = header
        return {
          ...header,
          meta,
          body: await this.#bodies.open(transaction, { incarnation, at, body, what }),
        }
      })
      if (entry === undefined) return
      last = entry.seq
      yield entry
    }
  }

  /** Id of the entry with this number; that of the session itself is its incarnation. */
  idAt(session: Session, seq: number): string | undefined {
    if (seq === session.seq) return session.id
    if (seq === 0) return session.incarnation
    const bytes = this.#medium.journal.get(entryKey(session.incarnation, seq))
    return bytes && decode<EntryHeader>(bytes, `entry ${seq}`).header.id
  }
}
