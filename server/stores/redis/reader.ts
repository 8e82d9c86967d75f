import { expectFormat } from '../codec.ts'
import { type Entry, Replaced, type Snapshot, StateLost, type StoredBody } from '../store.ts'
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
        const kept = await opening[i]
        delete opening[i]
        const before = last
        const still = async () => {
          const now = await this.#references(key, before, 1)
          return now.incarnation === incarnation && now.from === at && now.names[0] === name
        }
        if (kept === undefined) {
          if (await still()) throw missing(what)
          break
        }
        const { fields } = kept
        last = at
        yield {
          seq: at,
          id: text(fields.id),
          previous: text(fields.previous),
          step: Number(fields.step),
          ...this.#read(what, key, name, kept, still),
        }
      }
    }
  }

  async snapshot(key: string): Promise<Snapshot | undefined> {
    const what = `the snapshot of session "${key}"`
    const ask = async () => text(await this.#caller.script(`read ${what}`, 'snapshot', sessionKeys(key)))
    for (let reference = await ask(); reference !== ''; ) {
      const name = nameOf(reference)
      const kept = await this.#open(key, name, snapshotFields)
      const asked = reference
      const still = async () => {
        reference = await ask()
        return reference === asked
      }
      if (kept !== undefined) {
        const { fields } = kept
        return {
          seq: Number(fields.seq),
          id: text(fields.id),
          ...this.#read(what, key, name, kept, still),
        }
      }
      if (await still()) throw missing(what)
    }
    return undefined
  }

  #open(key: string, name: string, fields: readonly string[]): Promise<Kept | undefined> {
    const opening = this.#bodies.open(`read session "${key}"`, key, name, fields)
    // Asked for ahead, it may fail before it is waited for, or never be.
    opening.catch(() => undefined)
    return opening
  }

  /** @param still whether what is to be read is still what it was asked for: if not, its bytes may well be gone */
  #read(what: string, key: string, name: string, kept: Kept, still: () => Promise<boolean>) {
    expectFormat(Number(kept.fields.format), what)
    const body: StoredBody = {
      size: Number(kept.fields.size),
      read: async (pieces) => {
        try {
          await this.#bodies.read(`read ${what}`, key, name, kept, pieces)
        } catch (error) {
          if (!(error instanceof StateLost) || (await still())) throw error
          throw new Replaced(`Cannot read ${what}: it is not there any more`)
        }
      },
    }
    return { meta: new Uint8Array(kept.fields.meta ?? []), body }
  }
}

const missing = (what: string) => new StateLost(`Cannot read ${what}: it is missing`)
