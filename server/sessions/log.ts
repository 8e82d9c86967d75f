import type { Engine, Lent } from '../engines/engine.ts'
import type { Appended, NewEntry, Store } from '../stores/store.ts'
import { type Event, writeEvent } from './journal.ts'

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

/** Puts events into the journals of sessions. */
export class Log {
  readonly #options: LogOptions

  constructor(options: LogOptions) {
    this.#options = options
  }

  append(
    { key, incarnation }: { readonly key: string; readonly incarnation: string },
    event: Event,
    terms: Terms = {},
  ): Promise<Appended> {
    const { engine, random, store } = this.#options
    const written = writeEvent(event, engine.numerics)
    const entry = { advance: undefined, ...terms, ...written, id: random(), incarnation }
    const lease = 'lease' in event ? event.lease : undefined
    if (lease === undefined) return store.append(key, entry)
    return store.append(key, { ...entry, lease }).catch((error: unknown) => {
      linger(lease)
      throw error
    })
  }
}
