import { type Entry, Replaced, type Snapshot, StateLost, type StoredBody } from '../store.ts'
import type { Bodies, Kept, Place } from './bodies.ts'
import type { Caller } from './caller.ts'
import { sessionKeys } from './keys.ts'
import { entryAt, list, number, snapshotAt, text } from './replies.ts'

/** References to entries in one reply. */
const REFERENCES = 64
/** Entries asked for ahead of the one that is wanted: for small ones, the round trip is all they cost. */
const AHEAD = 8

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
    const reply = list(await this.#caller.script(what, 'entries', sessionKeys(key), [seq, limit]))
    return { incarnation: text(reply[0]), from: number(reply[1]), references: list(reply[2]).map(entryAt) }
  }

  async *entries(key: string, seq: number): AsyncGenerator<Entry> {
    let session: string | undefined
    for (let last = seq; ; ) {
      const { incarnation, from, references } = await this.#references(key, last, REFERENCES)
      session ??= incarnation
      if (incarnation !== session || references.length === 0) return
      last = from - 1
      const opening: Promise<Kept | undefined>[] = []
      for (const [i, place] of references.entries()) {
        for (const next of references.slice(opening.length, i + AHEAD)) opening.push(this.#open(key, next))
        const at = from + i
        const what = `entry ${at} of session "${key}"`
        const kept = await opening[i]
        delete opening[i]
        const before = last
        const still = async () => {
          const now = await this.#references(key, before, 1)
          return now.incarnation === incarnation && now.from === at && now.references[0]?.name === place.name
        }
        if (kept === undefined) {
          if (await still()) throw missing(what)
          break
        }
        last = at
        const { name: id, previous, step } = place
        yield { seq: at, id, previous, step, ...this.#read(what, key, id, kept, still) }
      }
    }
  }

  async snapshot(key: string): Promise<Snapshot | undefined> {
    const what = `the snapshot of session "${key}"`
    const ask = async () => text(await this.#caller.script(`read ${what}`, 'snapshot', sessionKeys(key)))
    for (let reference = await ask(); reference !== ''; ) {
      const place = snapshotAt(reference)
      const kept = await this.#open(key, place)
      const asked = reference
      const still = async () => {
        reference = await ask()
        return reference === asked
      }
      if (kept !== undefined) {
        const { name, seq, id } = place
        return { seq, id, ...this.#read(what, key, name, kept, still) }
      }
      if (await still()) throw missing(what)
    }
    return undefined
  }

  #open(key: string, place: Place): Promise<Kept | undefined> {
    const opening = this.#bodies.open(`read session "${key}"`, key, place)
    // Asked for ahead, it may fail before it is waited for, or never be.
    opening.catch(() => undefined)
    return opening
  }

  /** @param still whether what is to be read is still what it was asked for: if not, its bytes may well be gone */
  #read(what: string, key: string, name: string, kept: Kept, still: () => Promise<boolean>) {
    const body: StoredBody = {
      size: kept.size,
      read: async (pieces) => {
        try {
          await this.#bodies.read(`read ${what}`, key, name, kept, pieces)
        } catch (error) {
          if (!(error instanceof StateLost) || (await still())) throw error
          throw new Replaced(`Cannot read ${what}: it is not there any more`)
        }
      },
    }
    return { meta: new Uint8Array(kept.meta), body }
  }
}

const missing = (what: string) => new StateLost(`Cannot read ${what}: it is missing`)
