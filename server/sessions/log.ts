import { type Engine, Lease, type Lent } from '../engines/engine.ts'
import type { Appended, Arriving, NewEntry, Store } from '../stores/store.ts'
import { type Event, type StepEvent, writeEvent } from './journal.ts'

/** On what terms the store takes an entry; without any it takes it, and it makes no step. */
export type Terms = Partial<Pick<NewEntry, 'after' | 'atMost' | 'advance' | 'round' | 'once'>>

/** How long a store that failed may yet read what it was given, in milliseconds: until then it is not another's. */
const lingering = 60_000

function linger(lease: Lent['lease']): void {
  lease.hold()
  setTimeout(() => lease.release(), lingering).unref()
}

export interface LogOptions {
  readonly engine: Engine
  readonly store: Store
  /** A new id: 32 hex digits. */
  readonly random: () => string
}

/** Memory that a body is read into; who reads it says how many of its bytes are there. */
export interface Loan extends Lent {
  readonly came?: (count: number) => void
}

/** The tensors of a body while it comes, each a byte string. */
export interface Tensors {
  /** What came of them since this was asked last, where so many bytes of the body are there. Throws where they are no such. */
  upTo(count: number): Iterable<Uint8Array>
  /** Whether all of them are there. */
  readonly over: boolean
}

/** What is known of a step when its body begins to come. */
export interface Beginning {
  /** Which one it says that it is for. */
  readonly step?: number | 'next' | undefined
  /** Its gradients, where the body will be in this memory; no more than so many. */
  readonly tensors?: (body: Uint8Array, most: number) => Tensors
}

/** Puts events into the journals of sessions. */
export class Log {
  readonly #options: LogOptions
  /** What the store takes of entries to be while it comes, by the lease of where it comes to: until it reads that no more. */
  readonly #arriving = new WeakMap<Lent['lease'], Arriving>()

  constructor(options: LogOptions) {
    this.#options = options
  }

  /** Have the store take tensors while they come. What is lent is then to be released as the loan that this makes of it. */
  expect(key: string, lent: Lent, tensors: Tensors): Loan {
    const { random, store } = this.#options
    const arriving = store.expect?.(key, random())
    if (arriving === undefined) return lent
    let over = false
    const lease = new Lease(() => {
      over = true
      // At once where nothing is read any more: it is where the next body goes.
      if (!this.#arriving.has(lease)) return lent.lease.release()
      arriving.drop()
      // What is under way is read until it ends, and where that failed for longer.
      arriving.taken.catch(() => linger(lent.lease)).finally(() => lent.lease.release())
    })
    this.#arriving.set(lease, arriving)
    const came = (count: number) => {
      if (over) return
      try {
        for (const bytes of tensors.upTo(count)) arriving.give(bytes)
        over = tensors.over
        if (over) arriving.end()
      } catch {
        // Of rows, say. What is wrong with a body is said when all of it is there.
        over = true
        arriving.drop()
      }
    }
    return { came, ...lent, lease }
  }

  append(
    { key, incarnation }: { readonly key: string; readonly incarnation: string },
    event: Event,
    terms: Terms = {},
  ): Promise<Appended> {
    const { engine, random, store } = this.#options
    const written = writeEvent(event, engine.numerics)
    const lease = 'lease' in event ? event.lease : undefined
    const entry = { advance: undefined, ...terms, ...written, id: random(), incarnation }
    return lease === undefined ? store.append(key, entry) : this.#appendLent(key, { lease, ...entry })
  }

  async #appendLent(key: string, entry: NewEntry & Pick<Required<StepEvent>, 'lease'>): Promise<Appended> {
    const { body, lease } = entry
    const arriving = await this.#arrived(lease, body)
    try {
      const { store } = this.#options
      return await store.append(key, arriving === undefined ? entry : { arriving, ...entry, id: arriving.id })
    } catch (error) {
      linger(lease)
      throw error
    }
  }

  /** What the store has of a body by now, if it is all of that. */
  async #arrived(lease: Lent['lease'], body: readonly Uint8Array[]): Promise<Arriving | undefined> {
    const arriving = this.#arriving.get(lease)
    if (arriving === undefined) return undefined
    const fits = arriving.is(body)
    if (!fits) arriving.drop()
    try {
      const taken = await arriving.taken
      this.#arriving.delete(lease)
      return fits && taken ? arriving : undefined
    } catch {
      // It may yet be read. The body is sent again.
      return undefined
    }
  }
}
