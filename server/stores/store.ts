/**
 * Stores keep bytes. A session in a store is a record (written once), a journal (entries in order, each naming
 * the one before), and at most one snapshot, which stands for all entries up to its own.
 *
 * Nothing here knows what the bytes mean. What a store must promise, the conformance suite
 * (`test/stores/conformance.ts`) holds against each of them: appends are atomic compare-and-append, decided by
 * the store alone and visible to every process that shares it; what was acknowledged is kept; what was refused
 * leaves nothing behind.
 */

/** Where a session's journal ends. The head of a new session is its creation: `seq` 0, `step` 0. */
export interface Head {
  /** Number of entries ever appended. */
  readonly seq: number
  /** Id of the last entry, or of the session itself while it has none. */
  readonly id: string
  /** Number of the latest step. */
  readonly step: number
  /** Digest of the entry that made the latest step, as it came with that; empty before the first. */
  readonly digest: string
  /** The round of the next step, once somebody is in it. */
  readonly round?: OpenRound
}

/** Entries that will make a step together, while more of them may come. */
export interface OpenRound {
  readonly members: number
  /** Milliseconds since the first of them came, by the store's clock. */
  readonly age: number
}

/** How an entry shares a step with others; `after` says which step. */
export type Round =
  /** One of several: a member counts once, and the entry that makes them `full` makes the step. */
  | { readonly member: string; readonly full: number }
  /** Makes the step of those that came, if they are `least` and the first of them came `age` milliseconds ago. */
  | { readonly least: number; readonly age: number }

/** An entry that is taken only if its `seq` is beyond the last one taken from the member. */
export interface Once {
  readonly member: string
  readonly seq: number
  /** How many members a session may have. */
  readonly most: number
}

/** What was taken from a member: in a round, `seq` is its step. */
export interface Known {
  readonly seq: number
  readonly digest: string
}

export interface StoredSession {
  /** Random id given at creation: tells a session from another of the same key, made after this was deleted. */
  readonly incarnation: string
  readonly record: Uint8Array
  readonly head: Head
  /** Milliseconds since the epoch, by the store's clock; so are all times here. */
  readonly created: number
  readonly ttl: number
  readonly expires: number
}

/** The body of an entry to be, which a store takes while it comes. */
export interface Arriving {
  /** Of the entry. */
  readonly id: string
  /** The next of its bytes: they stay as they are until it is taken, or was not. */
  give(bytes: Uint8Array): void
  /** All of them are given. */
  end(): void
  /** Whether a body is of the very bytes that were given. */
  is(body: readonly Uint8Array[]): boolean
  /** Whether the store has all of it, once nothing is under way any more. Rejects where it failed, and may yet read it. */
  readonly taken: Promise<boolean>
  /** There will be no such entry. */
  drop(): void
}

export interface NewEntry {
  readonly id: string
  /** A few bytes that say how to read the body. */
  readonly meta: Uint8Array
  /** The body in pieces, joined by the store: what a caller has in several buffers need not be copied into one. */
  readonly body: readonly Uint8Array[]
  /** The body as the store has it already; the id of the entry is then the one that came with that. */
  readonly arriving?: Arriving
  /** Where the body is lent: a store that needs it for longer than until it has answered holds it meanwhile. */
  readonly lease?: Hold
  /** The session that this entry is for, as it was when the request was checked. */
  readonly incarnation: string
  /** The step that the session must be at for the entry to be taken: any when absent. */
  readonly after?: number
  /** The furthest step that the session may be at: any when absent. */
  readonly atMost?: number
  /** Whether the entry makes a step, and the digest by which a retry of it is known: empty where it is known otherwise. */
  readonly advance: { readonly digest: string } | undefined
  /** With it, `advance` is for when the round closes. */
  readonly round?: Round
  /**
   * The step that the session is at with this entry, wherever it was: meta and body are then all there is to know. The
   * entry, which has an `advance` for its digest, is the session's snapshot at once; those before it are dropped, and so
   * is an open round.
   */
  readonly restores?: number
  readonly once?: Once
}

/** Bytes of an entry or a snapshot where the store has them: a reader puts them where they are needed, in one go. */
export interface StoredBody {
  readonly size: number
  /**
   * Put all bytes to where pieces of that size in all lie back to back, and none once it has settled. Undefined where it
   * was done at once.
   * @throws Replaced where others stand for them by now
   */
  read(pieces: readonly Uint8Array[]): Promise<void> | undefined
}

export interface Entry {
  readonly seq: number
  readonly id: string
  /** Id of the entry before; of the session, for the first. */
  readonly previous: string
  /** Number of the latest step once this entry is taken. */
  readonly step: number
  readonly meta: Uint8Array
  readonly body: StoredBody
}

export type Appended =
  /** Taken. `head` is the new one, `previous` the id of the entry before it. */
  | { readonly status: 'appended'; readonly head: Head; readonly previous: string }
  /**
   * The session is not where it must be, or the member has been there before: nothing was written. `known` is what was
   * taken from the member, in the open round or in that of the latest step.
   */
  | { readonly status: 'refused'; readonly head: Head; readonly known?: Known }
  /** The session has `most` members, and this would be another: nothing was written. */
  | { readonly status: 'crowded'; readonly head: Head }
  /** No such session, or another incarnation of it: nothing was written. */
  | { readonly status: 'missing' }

export interface Snapshot {
  /** The entry after which the state was as in `body`. */
  readonly seq: number
  readonly id: string
  readonly meta: Uint8Array
  readonly body: StoredBody
}

/** Memory that is given back when nobody holds it any more. */
export interface Hold {
  hold(): void
  release(): void
}

export interface NewSnapshot extends Omit<Snapshot, 'body'> {
  readonly incarnation: string
  readonly body: readonly Uint8Array[]
  /** Held by a store that keeps the body where it is. */
  readonly lease?: Hold
}

export interface Page {
  readonly keys: readonly string[]
  /** Pass it on to read further; absent after the last page. */
  readonly cursor?: string
}

/**
 * Meta and body of entries and snapshots are given away, unless they are lent: whoever gave them changes them no more, and
 * a store may keep them as they are. What is read is the reader's own. Keys are strings of 1 to 300 bytes of
 * `A-Z a-z 0-9 . _ ~ - / :`; ids are 32 hex digits. Every method that finds a session renews its time to live, `list`
 * excepted. An expired session is not there. Faults of the medium are thrown as `StoreUnavailable`; bytes that should be
 * there and are not, as `StateLost`.
 */
export interface Store {
  readonly name: string

  /** Make a session, unless there is one: then answer with that, unchanged. */
  create(
    key: string,
    session: { readonly incarnation: string; readonly record: Uint8Array; readonly ttl: number },
  ): Promise<{ readonly created: boolean; readonly session: StoredSession }>
  get(key: string): Promise<StoredSession | undefined>
  /** Change the time to live, in milliseconds, and start it anew. */
  setTtl(key: string, ttl: number): Promise<boolean>
  /** Forget a session and all its bytes. */
  delete(key: string): Promise<boolean>
  /**
   * Keys that start with `prefix`, in no promised order, about `limit` at a time (fewer, also none, before the end).
   * One that is there throughout comes once at least.
   */
  list(prefix: string, limit: number, cursor?: string): Promise<Page>

  /**
   * An entry whose id is the last one's was taken before: answered as it was then, and not taken again. Each entry has an id
   * of its own: a store that sends one again by itself may know it for longer.
   */
  append(key: string, entry: NewEntry): Promise<Appended>
  /** Take the body of an entry while it comes, in a store for which that takes long. */
  expect?(key: string, id: string): Arriving
  /**
   * Call `listener` soon after an entry that made a step of a round, or restored the session, whoever appended it, and
   * now and then without reason; some may be missed while the medium fails. Returns what ends it.
   */
  watch(key: string, listener: () => void): () => void
  /**
   * Entries after `seq`, in order, to be read one after the other. Entries that a snapshot stands for are not there, also
   * when it is put while this is read: what follows then says by `previous` that it does not follow.
   */
  entries(key: string, seq: number): AsyncIterable<Entry>
  snapshot(key: string): Promise<Snapshot | undefined>
  /**
   * Put a snapshot in place of the present one and drop the entries that it stands for, at once. Refused
   * (`false`, nothing written) when the session is gone or another, has a snapshot as new or newer, or has no
   * entry of that `seq` and `id` (for 0: of the session's own).
   */
  putSnapshot(key: string, snapshot: NewSnapshot): Promise<boolean>

  /** Small named values without expiry: registered chains. */
  getValue(key: string): Promise<Uint8Array | undefined>
  putValue(key: string, value: Uint8Array): Promise<void>
  deleteValue(key: string): Promise<boolean>
  listValues(prefix: string, limit: number, cursor?: string): Promise<Page>

  /** Rejects with `StoreUnavailable` where the store does not answer. */
  ping(): Promise<void>
  close(): Promise<void>
}

/** The store cannot be reached or cannot write now. The operation may or may not have taken place. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}

/** What was about to be read is not there any more: a snapshot stands for it by now, or the session is gone. */
export class Replaced extends Error {
  override readonly name = 'Replaced'
}

/** Bytes that the store says it keeps are not there. */
export class StateLost extends Error {
  override readonly name = 'StateLost'
}
