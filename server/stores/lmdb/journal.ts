import { decode, encode } from '../codec.ts'
import type { Appended, Entry, NewEntry } from '../store.ts'
import { StateLost } from '../store.ts'
import type { Bodies, Body } from './bodies.ts'
import { entryKey } from './keys.ts'
import type { LmdbMedium } from './medium.ts'
import { headOf, type Session, type Sessions } from './sessions.ts'

type EntryHeader = Omit<Entry, 'meta' | 'body'> & { readonly body: Body }

/** What becomes of an entry, by the state of its session alone; none when it is to be taken. */
const verdict = (
  session: Session | undefined,
  { id, incarnation, after }: NewEntry,
): Appended | undefined => {
  if (session?.incarnation !== incarnation) return { status: 'missing' }
  const head = headOf(session)
  if (session.id === id) return { status: 'appended', head, previous: session.previous }
  if (after !== undefined && after !== session.step) return { status: 'refused', head }
  return undefined
}

/** The entries of sessions. */
export class Journal {
  readonly #medium: LmdbMedium
  readonly #sessions: Sessions
  readonly #bodies: Bodies

  constructor(medium: LmdbMedium, sessions: Sessions, bodies: Bodies) {
    this.#medium = medium
    this.#sessions = sessions
    this.#bodies = bodies
  }

  async append(key: string, entry: NewEntry): Promise<Appended> {
    const { incarnation, body: pieces } = entry
    const what = `append to session "${key}"`
    if (this.#bodies.fitsInline(pieces)) {
      return this.#medium.write(what, () =>
        this.#commit(key, entry, (seq) => this.#bodies.put(incarnation, `entry-${seq}`, pieces)),
      )
    }
    const early = verdict(await this.#sessions.find(key), entry)
    if (early !== undefined) return early
    return this.#bodies.staged(what, incarnation, pieces, (body) => {
      const result = this.#commit(key, entry, () => {
        this.#bodies.take(incarnation, body)
        return body
      })
      this.#bodies.release(incarnation, body)
      return result
    })
  }

  /** Within a transaction: take the entry, unless the state of the session forbids it. */
  #commit(key: string, entry: NewEntry, place: (seq: number) => Body): Appended {
    const session = this.#sessions.use(key)
    const refusal = verdict(session, entry)
    if (refusal !== undefined || session === undefined) return refusal ?? { status: 'missing' }
    const seq = session.seq + 1
    const step = session.step + (entry.advance ? 1 : 0)
    const previous = session.id
    const { id, meta } = entry
    const header: EntryHeader = { seq, id, previous, step, body: place(seq) }
    this.#medium.journal.put(entryKey(session.incarnation, seq), encode(header, meta))
    const digest = entry.advance?.digest ?? session.digest
    const taken = this.#sessions.renew(key, { ...session, seq, id, previous, step, digest })
    return { status: 'appended', head: headOf(taken), previous }
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
        const bytes = this.#medium.journal.get(entryKey(incarnation, next), { transaction })
        if (bytes === undefined) throw new StateLost(`Cannot read ${what}: it is missing`)
        const { header, bytes: meta } = decode<EntryHeader>(bytes, what)
        return { ...header, meta, body: await this.#bodies.read(transaction, incarnation, header.body, what) }
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
