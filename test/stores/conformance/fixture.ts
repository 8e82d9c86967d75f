import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { whole } from '../../../server/stores/pieces.ts'
import type { Entry, Head, NewEntry, Page, Snapshot, Store } from '../../../server/stores/store.ts'

/** One medium, empty at first: opened as often as a test likes, and looked into from beside the store. */
export interface Medium {
  readonly open: () => Promise<Store>
  /** All keys that the medium holds to stay, by its own account; none where nobody can look into it. */
  readonly kept?: () => Promise<readonly string[]>
  /** Whether another store on the same medium sees the same. */
  readonly shared: boolean
  readonly remove: () => Promise<void>
}

export const MINUTE = 60_000
export const MiB = 1 << 20

export const newId = (): string => randomBytes(16).toString('hex')
export const utf8 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))
export const string = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

export const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** What was read, with its bytes. */
export type Full<T extends Entry | Snapshot> = Omit<T, 'body'> & { readonly body: Uint8Array }

const full = async <T extends Entry | Snapshot>(read: T): Promise<Full<T>> => ({
  ...read,
  body: await whole(read.body),
})

export const entriesOf = async (store: Store, key: string, seq = 0): Promise<Full<Entry>[]> => {
  const all: Full<Entry>[] = []
  for await (const entry of store.entries(key, seq)) all.push(await full(entry))
  return all
}

export const snapshotOf = async (store: Store, key: string): Promise<Full<Snapshot> | undefined> => {
  const snapshot = await store.snapshot(key)
  return snapshot && full(snapshot)
}

/** Each entry follows the one before, the first one the session itself. */
export const assertChained = (entries: readonly Full<Entry>[], incarnation: string): void => {
  let previous = incarnation
  for (const [i, entry] of entries.entries()) {
    assert.equal(entry.seq, i + 1)
    assert.equal(entry.previous, previous)
    previous = entry.id
  }
}

export const readPages = async (page: (cursor?: string) => Promise<Page>): Promise<string[]> => {
  const keys: string[] = []
  let cursor: string | undefined
  for (let pages = 0; pages < 1000; pages++) {
    const read = await page(cursor)
    keys.push(...read.keys)
    cursor = read.cursor
    // A key may come twice.
    if (cursor === undefined) return [...new Set(keys)].sort()
  }
  throw new Error('The pages do not end')
}

/** A store, opened before the tests, and in it the session of the one that runs: no two have the same. */
export class Fixture {
  readonly #make: () => Promise<Medium>
  #opened: { readonly medium: Medium; readonly store: Store } | undefined
  /** A test that makes the session under another key, or again, writes here which. */
  key = ''
  incarnation = ''

  constructor(make: () => Promise<Medium>) {
    this.#make = make
  }

  async open(): Promise<void> {
    const medium = await this.#make()
    this.#opened = { medium, store: await medium.open() }
  }

  async close(): Promise<void> {
    await this.store.close()
    await this.medium.remove()
  }

  get #open() {
    if (this.#opened === undefined) throw new Error('Cannot use the store: it is opened before the tests')
    return this.#opened
  }

  get medium(): Medium {
    return this.#open.medium
  }

  get store(): Store {
    return this.#open.store
  }

  // Fields, so that tests can take them out by name.

  readonly create = (ttl = MINUTE) =>
    this.store.create(this.key, { incarnation: this.incarnation, record: utf8('record'), ttl })

  readonly entry = (options: Partial<NewEntry> = {}): NewEntry => ({
    id: newId(),
    meta: utf8('meta'),
    body: [utf8('body')],
    incarnation: this.incarnation,
    advance: { digest: newId() },
    ...options,
  })

  readonly append = async (options: Partial<NewEntry> = {}): Promise<NewEntry> => {
    const made = this.entry(options)
    const answer = await this.store.append(this.key, made)
    assert.equal(answer.status, 'appended')
    return made
  }

  readonly head = async (): Promise<Head> => {
    const session = await this.store.get(this.key)
    assert.ok(session)
    return session.head
  }

  readonly entries = (seq = 0): Promise<Full<Entry>[]> => entriesOf(this.store, this.key, seq)

  readonly snapshotAt = (seq: number, id: string, body = [utf8('state')]): Promise<boolean> =>
    this.store.putSnapshot(this.key, { seq, id, meta: utf8('how'), body, incarnation: this.incarnation })

  readonly kept = async (): Promise<readonly string[]> => (await this.medium.kept?.()) ?? []

  /** What is kept beyond what was there before. */
  readonly left = async (before: readonly string[]): Promise<string[]> => {
    const known = new Set(before)
    return (await this.kept()).filter((kept) => !known.has(kept))
  }
}
