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

  async append(
    { key, incarnation }: { readonly key: string; readonly incarnation: string },
    event: Event,
    terms: Terms = {},
  ): Promise<Appended> {
    const { engine, random, store } = this.#options
    const written = writeEvent(event, engine.numerics)
    const lease = 'lease' in event ? event.lease : undefined
    try {
      const lent = lease === undefined ? {} : { lease }
      return await store.append(key, {
        advance: undefined,
        ...terms,
        ...written,
        ...lent,
        id: random(),
        incarnation,
      })
    } catch (error) {
      if (lease !== undefined) linger(lease)
      throw error
    }
  }
}
