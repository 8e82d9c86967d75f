import { expectFormat } from '../codec.ts'
import { type Entry, type Snapshot, StateLost } from '../store.ts'
import type { Bodies, Kept } from './bodies.ts'
import type { Caller } from './caller.ts'
import { sessionKeys } from './keys.ts'
import { list, nameOf, number, text } from './replies.ts'

/** References to entries in one reply. */
const REFERENCES = 64
/** Entries asked for ahead of the one that is wanted: for small ones, the round trip is all they cost. */
const AHEAD = 8

const snapshotFields = ['format', 'seq', 'id', 'meta', 'size', 'chunks'] as const
const entryFields = [...snapshotFields, 'previous', 'step'] as const

/** Reads what may be replaced or deleted at any moment between two calls: only what still should be there is lost. */
export class Reader {
  readonly #caller: Caller
  readonly #bodies: Bodies

  constructor(caller: Caller, bodies: Bodies) {
    this.#caller = caller
    this.#bodies = bodies
  }

  /** Where the entries after `seq` are: the first of them is number `from`. */
  async #references(key: string, seq: number, limit: number) {
    const what = `read entries of session "${key}"`
    const reply = list(await this.#caller.script(what, 'entries', sessionKeys(key), seq, limit))
    return { incarnation: text(reply[0]), from: number(reply[1]), names: list(reply[2]).map(nameOf) }
  }

  async *entries(key: string, seq: number): AsyncGenerator<Entry> {
    let session: string | undefined
    for (let last = seq; ; ) {
      const { incarnation, from, names } = await this.#references(key, last, REFERENCES)
      session ??= incarnation
      if (incarnation !== session || names.length === 0) return
      last = from - 1
      const opening: Promise<Kept | undefined>[] = []
      for (const [i, name] of names.entries()) {
        while (opening.length < Math.min(i + AHEAD, names.length)) {
          opening.push(this.#open(key, names[opening.length] ?? '', entryFields))
        }
        const at = from + i
        const what = `entry ${at} of session "${key}"`
        const entry = await this.#kept(opening[i], what, key, name)
        delete opening[i]
        if (entry instanceof StateLost) {
          const now = await this.#references(key, last, 1)
          if (now.incarnation === session && now.from === at && now.names[0] === name) throw entry
          break
        }
        const { fields, meta, body } = entry
        last = at
        yield {
          seq: at,
          id: text(fields.id),
          previous: text(fields.previous),
          step: Number(fields.step),
          meta,
          body,
        }
      }
    }
  }

  async snapshot(key: string): Promise<Snapshot | undefined> {
    const what = `the snapshot of session "${key}"`
    let lost: { readonly reference: string; readonly error: StateLost } | undefined
    for (;;) {
      const reference = text(await this.#caller.script(`read ${what}`, 'snapshot', sessionKeys(key)))
      if (reference === '') return undefined
      if (reference === lost?.reference) throw lost.error
      const name = nameOf(reference)
      const kept = await this.#kept(this.#open(key, name, snapshotFields), what, key, name)
      if (!(kept instanceof StateLost)) {
        const { fields, meta, body } = kept
        return { seq: Number(fields.seq), id: text(fields.id), meta, body }
      }
      lost = { reference, error: kept }
    }
  }

  #open(key: string, name: string, fields: readonly string[]): Promise<Kept | undefined> {
    const opening = this.#bodies.open(`read session "${key}"`, key, name, fields)
    // Asked for ahead, it may fail before it is waited for, or never be.
    opening.catch(() => undefined)
    return opening
  }

  async #kept(opening: Promise<Kept | undefined> | undefined, what: string, key: string, name: string) {
    const kept = await opening
    if (kept === undefined) return new StateLost(`Cannot read ${what}: it is missing`)
    expectFormat(Number(kept.fields.format), what)
    try {
      const body = await this.#bodies.read(`read ${what}`, key, name, kept)
      return { fields: kept.fields, meta: new Uint8Array(kept.fields.meta ?? []), body }
    } catch (error) {
      if (error instanceof StateLost) return error
      throw error
    }
  }
}
