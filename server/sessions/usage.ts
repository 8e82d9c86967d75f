import { Problem } from '../../schemas/index.ts'
import type { Page, Store } from '../stores/store.ts'

/** How old a count may be, in milliseconds: other servers open sessions too, and sessions expire. */
const fresh = 10_000
/** The same where it is a reason to refuse. */
const checked = 1000

export interface Allowance {
  readonly sessions?: number
  readonly state_bytes?: number
}

/** Whose sessions are counted, and how much may be. */
export interface Quota {
  readonly usage: Usage
  readonly limits: Allowance
}

/**
 * What a tenant has in the store. It is counted there now and then, and what this server opens is added in between:
 * servers that open at the same time may together go a little beyond the allowance.
 *
 * The bytes of each session's state are noted in a value of its own, for to read a session is to renew it.
 */
export class Usage {
  readonly #store: Store
  readonly #tenant: string
  readonly #now: () => number
  #there = new Tally()
  /** What this server is about to add, and what it has added since the count under way began. */
  readonly #opening = new Tally()
  #added = new Tally()
  #counted = Number.NEGATIVE_INFINITY
  #counting: Promise<void> | undefined

  constructor(store: Store, tenant: string, now: () => number) {
    this.#store = store
    this.#tenant = tenant
    this.#now = now
  }

  /**
   * Do what may make a session of so many bytes of state.
   *
   * @throws Problem `quota_exceeded` where there is no such session and no room for it
   */
  async opening<T extends { readonly created: boolean }>(
    key: string,
    bytes: number,
    allowance: Allowance,
    open: () => Promise<T>,
  ): Promise<T> {
    if (allowance.sessions === undefined && allowance.state_bytes === undefined) return open()
    if (!(await this.#admits(key, bytes, allowance))) return open()
    this.#opening.add(key, bytes)
    try {
      const opened = await open()
      if (opened.created) {
        for (const tally of [this.#there, this.#added]) tally.add(key, bytes)
        await this.#store.putValue(this.#noteOf(key), Buffer.from(String(bytes)))
      }
      return opened
    } finally {
      this.#opening.remove(key)
    }
  }

  /** To be counted anew: something was deleted. */
  stale(): void {
    this.#counted = Number.NEGATIVE_INFINITY
  }

  /** False where there is nothing to be made: the session is there, or is being opened. */
  async #admits(key: string, bytes: number, allowance: Allowance): Promise<boolean> {
    await this.#count(fresh)
    if (this.#there.has(key) || this.#opening.has(key)) return false
    if (this.#excess(bytes, allowance) === undefined) return true
    await this.#count(checked)
    const excess = this.#excess(bytes, allowance)
    if (excess === undefined) return true
    if ((await this.#store.get(key)) !== undefined) return false
    throw new Problem('quota_exceeded', `${excess}: delete sessions, or let them expire`)
  }

  #excess(bytes: number, { sessions = Infinity, state_bytes = Infinity }: Allowance): string | undefined {
    const count = this.#there.size + this.#opening.size
    if (count + 1 > sessions) return `There are ${count} sessions, and at most ${sessions} may be`
    const sum = this.#there.bytes + this.#opening.bytes
    if (sum + bytes <= state_bytes) return undefined
    return `The session has ${bytes} bytes of state beside the ${sum} of others, and at most ${state_bytes} may be`
  }

  async #count(age: number): Promise<void> {
    if (this.#now() - this.#counted <= age) return
    this.#counting ??= this.#recount().finally(() => {
      this.#counting = undefined
    })
    await this.#counting
  }

  /** Notes first: one that is listed, and whose session is not there afterwards, is of one that has gone. */
  async #recount(): Promise<void> {
    const store = this.#store
    const since = this.#now()
    this.#added = new Tally()
    const notes = await all((cursor) => store.listValues(this.#noteOf(`${this.#tenant}/`), most, cursor))
    const keys = await all((cursor) => store.list(`${this.#tenant}/`, most, cursor))
    const there = new Tally()
    for (const key of keys) there.add(key, this.#there.bytesOf(key))
    for (const note of notes) {
      const key = this.#keyOf(note)
      if (!there.has(key)) await store.deleteValue(note)
      else if (!this.#there.has(key)) there.add(key, await this.#noted(note))
    }
    there.merge(this.#added)
    this.#there = there
    this.#counted = since
  }

  async #noted(note: string): Promise<number> {
    return Number(Buffer.from((await this.#store.getValue(note)) ?? []).toString())
  }

  #noteOf(key: string): string {
    return `${this.#tenant}:bytes/${key.slice(this.#tenant.length + 1)}`
  }

  #keyOf(note: string): string {
    return `${this.#tenant}/${note.slice(this.#noteOf(`${this.#tenant}/`).length)}`
  }
}

const most = 9999

async function all(read: (cursor?: string) => Promise<Page>): Promise<string[]> {
  const keys: string[] = []
  let cursor: string | undefined
  do {
    const page: Page = await read(cursor)
    keys.push(...page.keys)
    cursor = page.cursor
  } while (cursor !== undefined)
  return keys
}

/** Sessions and the bytes of their state. */
class Tally {
  readonly #bytes = new Map<string, number>()
  bytes = 0

  get size(): number {
    return this.#bytes.size
  }

  has(key: string): boolean {
    return this.#bytes.has(key)
  }

  bytesOf(key: string): number {
    return this.#bytes.get(key) ?? 0
  }

  add(key: string, bytes: number): void {
    this.bytes += bytes - this.bytesOf(key)
    this.#bytes.set(key, bytes)
  }

  remove(key: string): void {
    this.bytes -= this.bytesOf(key)
    this.#bytes.delete(key)
  }

  merge(other: Tally): void {
    for (const [key, bytes] of other.#bytes) this.add(key, bytes)
  }
}
