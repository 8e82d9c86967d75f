import type { Engine } from '../engines/engine.ts'
import type { Appended, NewEntry, Store } from '../stores/store.ts'
import { type Event, writeEvent } from './journal.ts'

/** On what terms the store takes an entry; without any it takes it, and it makes no step. */
export type Terms = Partial<Pick<NewEntry, 'after' | 'atMost' | 'advance' | 'round' | 'once'>>

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
    return store.append(key, { advance: undefined, ...terms, ...written, id: random(), incarnation })
  }
}
