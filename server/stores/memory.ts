import { copy } from '../turns.ts'
import type { StoreOptions } from './options.ts'
import { inMemory, sizeOf } from './pieces.ts'
import { judge, type KeptRound, type Members, openRound } from './rounds.ts'
import type {
  Appended,
  Entry,
  Head,
  Hold,
  Known,
  NewEntry,
  NewSnapshot,
  Snapshot,
  Store,
  StoredSession,
} from './store.ts'
import { Watchers } from './watchers.ts'

/** With its body in the pieces that it came in: those who append give them away. */
type Kept<T extends Entry | Snapshot> = Omit<T, 'body'> & {
  readonly body: readonly Uint8Array[]
  lease?: Hold | undefined
}

/** Bytes of a body from which on it is not copied. */
const much = 2 ** 20

const lent = <T extends Entry | Snapshot>({ body, lease: _, ...rest }: Kept<T>) => ({
  ...rest,
  meta: copyOf(rest.meta),
  body: inMemory(body),
})

interface Session {
  readonly incarnation: string
  readonly record: Uint8Array
  readonly created: number
  ttl: number
  expires: number
  head: Head
  /** Id of the entry before the head's. */
  previous: string
  entries: Kept<Entry>[]
  snapshot: Kept<Snapshot> | undefined
  round: KeptRound | undefined
  /** Member → digest, of the open round and of that of the latest step. */
  rounds: { readonly open: Map<string, string>; readonly closed: ReadonlyMap<string, string> }
  readonly known: Map<string, Known>
}

const membersOf = ({ head: { step }, rounds, known }: Session): Members => ({
  inRound: (at, member) =>
    (at === step + 1 ? rounds.open : at === step ? rounds.closed : undefined)?.get(member),
  last: (member) => known.get(member),
  count: () => known.size,
})

/** Drop entries, by default all. */
function drop(session: Session, upTo = Number.POSITIVE_INFINITY): void {
  for (const { seq, lease } of session.entries) if (seq <= upTo) lease?.release()
  session.entries = session.entries.filter(({ seq }) => seq > upTo)
}

/** The memory of the one before is for the next. */
function replace(session: Session, snapshot?: Kept<Snapshot>): void {
  session.snapshot?.lease?.release()
  session.snapshot = snapshot
}

const copyOf = (bytes: Uint8Array): Uint8Array => {
  const own = new Uint8Array(bytes.length)
  copy(own, bytes)
  return own
}

/** Keys in order after the cursor: a page ends where the next one starts, whatever happens in between. */
const page = (keys: Iterable<string>, prefix: string, limit: number, cursor = '') => {
  const rest = [...keys].filter((key) => key.startsWith(prefix) && key > cursor).sort()
  const last = rest[limit - 1]
  const found = rest.slice(0, limit)
  return rest.length > limit && last !== undefined ? { keys: found, cursor: last } : { keys: found }
}

/** Everything in this process, gone with it: for tests, and for sessions that nobody will miss. */
class MemoryStore implements Store {
  readonly name = 'memory'
  readonly #now: () => number
  readonly #sessions = new Map<string, Session>()
  readonly #values = new Map<string, Uint8Array>()
  readonly #watchers = new Watchers(0)

  constructor(now: () => number) {
    this.#now = now
  }

  /** The session, its time to live started anew. */
  #use(key: string): Session | undefined {
    const session = this.#sessions.get(key)
    if (session === undefined) return undefined
    const now = this.#now()
    if (session.expires <= now) {
      this.#forget(key, session)
      return undefined
    }
    session.expires = now + session.ttl
    return session
  }

  #view(session: Session): StoredSession {
    const { incarnation, record, created, ttl, expires } = session
    return { incarnation, record: copyOf(record), head: this.#headOf(session), created, ttl, expires }
  }

  #headOf({ head, round }: Session): Head {
    return { ...head, ...openRound(round, this.#now()) }
  }

  async create(key: string, made: Pick<StoredSession, 'incarnation' | 'record' | 'ttl'>) {
    const present = this.#use(key)
    if (present !== undefined) return { created: false, session: this.#view(present) }
    this.#sweep()
    const { incarnation, ttl } = made
    const created = this.#now()
    const head: Head = { seq: 0, id: incarnation, step: 0, digest: '' }
    const times = { created, ttl, expires: created + ttl }
    const rest = {
      previous: '',
      entries: [],
      snapshot: undefined,
      round: undefined,
      rounds: { open: new Map<string, string>(), closed: new Map<string, string>() },
      known: new Map<string, Known>(),
    }
    const session: Session = { incarnation, record: copyOf(made.record), head, ...times, ...rest }
    this.#sessions.set(key, session)
    return { created: true, session: this.#view(session) }
  }

  #sweep(): void {
    const now = this.#now()
    for (const [key, session] of this.#sessions) if (session.expires <= now) this.#forget(key, session)
  }

  #forget(key: string, session: Session): boolean {
    drop(session)
    replace(session)
    return this.#sessions.delete(key)
  }

  async get(key: string) {
    const session = this.#use(key)
    return session && this.#view(session)
  }

  async setTtl(key: string, ttl: number) {
    const session = this.#use(key)
    if (session === undefined) return false
    session.ttl = ttl
    session.expires = this.#now() + ttl
    return true
  }

  async delete(key: string) {
    const session = this.#use(key)
    return session !== undefined && this.#forget(key, session)
  }

  async list(prefix: string, limit: number, cursor?: string) {
    this.#sweep()
    return page(this.#sessions.keys(), prefix, limit, cursor)
  }

  async append(key: string, entry: NewEntry): Promise<Appended> {
    const session = this.#use(key)
    if (session?.incarnation !== entry.incarnation) return { status: 'missing' }
    const { head } = session
    if (head.id === entry.id)
      return { status: 'appended', head: this.#headOf(session), previous: session.previous }
    const verdict = judge(entry, head, session.round, membersOf(session), this.#now())
    if (verdict.status !== 'taken') return { ...verdict, head: this.#headOf(session) }
    this.#take(session, entry, verdict.advances)
    session.round = verdict.round
    if ((entry.round ?? entry.restores) !== undefined && verdict.advances) this.#watchers.call(key)
    return { status: 'appended', head: this.#headOf(session), previous: head.id }
  }

  #take(session: Session, entry: NewEntry, advances: boolean): void {
    const { id, meta, body, lease, advance, round, once, restores } = entry
    const { head } = session
    const digest = advance?.digest ?? ''
    if (round !== undefined && 'member' in round) session.rounds.open.set(round.member, digest)
    if (once !== undefined) session.known.set(once.member, { seq: once.seq, digest })
    const seq = head.seq + 1
    const step = restores ?? head.step + (advances ? 1 : 0)
    if (restores === undefined) {
      // What is lent is of an engine, whose memory has a limit of its own: little is copied out of it.
      const held = sizeOf(body) < much ? undefined : lease
      held?.hold()
      const own = held === lease ? body : body.map(copyOf)
      session.entries.push({ seq, id, previous: head.id, step, meta, body: own, lease: held })
    } else {
      replace(session, { seq, id, meta, body })
      drop(session)
      session.rounds = { open: new Map(), closed: new Map() }
    }
    session.previous = head.id
    session.head = { seq, id, step, digest: advances ? digest : head.digest }
    const { open, closed } = session.rounds
    if (advances && open.size + closed.size > 0) session.rounds = { open: new Map(), closed: open }
  }

  watch(key: string, listener: () => void) {
    return this.#watchers.add(key, listener)
  }

  async *entries(key: string, seq: number): AsyncGenerator<Entry> {
    const incarnation = this.#use(key)?.incarnation
    for (let last = seq; ; ) {
      const session = this.#sessions.get(key)
      if (session === undefined || session.incarnation !== incarnation) return
      const first = session.entries[0]
      const next = first && session.entries[Math.max(0, last + 1 - first.seq)]
      if (next === undefined) return
      last = next.seq
      yield lent<Entry>(next)
    }
  }

  async snapshot(key: string) {
    const snapshot = this.#use(key)?.snapshot
    if (snapshot === undefined) return undefined
    // Not to be released any more: it is read for as long as that takes.
    snapshot.lease = undefined
    return lent<Snapshot>(snapshot)
  }

  async putSnapshot(key: string, { seq, id, meta, body, incarnation, lease }: NewSnapshot) {
    const session = this.#use(key)
    if (session?.incarnation !== incarnation) return false
    if (session.snapshot !== undefined && session.snapshot.seq >= seq) return false
    const known =
      seq === session.head.seq
        ? session.head.id
        : seq === 0
          ? incarnation
          : session.entries.find((entry) => entry.seq === seq)?.id
    if (known !== id) return false
    lease?.hold()
    replace(session, { seq, id, meta, body, lease })
    drop(session, seq)
    return true
  }

  async getValue(key: string) {
    const value = this.#values.get(key)
    return value && copyOf(value)
  }

  async putValue(key: string, value: Uint8Array) {
    this.#values.set(key, copyOf(value))
  }

  async deleteValue(key: string) {
    return this.#values.delete(key)
  }

  async listValues(prefix: string, limit: number, cursor?: string) {
    return page(this.#values.keys(), prefix, limit, cursor)
  }

  async ping() {}

  async close() {
    for (const [key, session] of this.#sessions) this.#forget(key, session)
    this.#values.clear()
  }
}

export const openMemoryStore = ({ now = Date.now }: StoreOptions = {}): Store => new MemoryStore(now)
