import { type NewEntry, type Store, StoreUnavailable } from '../../../server/stores/store.ts'
import { collected } from '../setup.ts'

/** What becomes of a call: `unanswered` is carried out, and its caller never hears of it. */
export type Fate = 'done' | 'lost' | 'unanswered' | 'twice'

/** The way of one server to the store: calls wait here until the scheduler says what becomes of them. */
export class Wire {
  readonly waiting: ((fate: Fate) => Promise<void>)[] = []
  #cut = false

  send<T>(act: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      // The server is no more: nobody waits for an answer.
      if (this.#cut) return
      this.waiting.push(async (fate) => {
        const unavailable = new StoreUnavailable(`The call is ${fate}`)
        try {
          if (fate === 'lost') return reject(unavailable)
          const result = await act()
          if (fate === 'unanswered') reject(unavailable)
          else resolve(fate === 'twice' ? await act() : result)
        } catch (error) {
          reject(error)
        }
      })
    })
  }

  /** The server ends. What was on its way may still arrive. */
  async cut(arrives: () => boolean): Promise<void> {
    this.#cut = true
    for (const call of this.waiting.splice(0)) if (arrives()) await call('unanswered')
  }
}

/** What a fault of our own making does to an append, so that the simulation can show that it finds it. */
export type Planted = (entry: NewEntry, append: (entry: NewEntry) => Promise<unknown>) => Promise<NewEntry>

/** A store at the far end of a wire. */
export const atTheEnd = (wire: Wire, store: Store, planted?: Planted): Store => ({
  name: store.name,
  create: (key, session) => wire.send(() => store.create(key, session)),
  get: (key) => wire.send(() => store.get(key)),
  setTtl: (key, ttl) => wire.send(() => store.setTtl(key, ttl)),
  delete: (key) => wire.send(() => store.delete(key)),
  list: (prefix, limit, cursor) => wire.send(() => store.list(prefix, limit, cursor)),
  append: (key, entry) =>
    wire.send(async () =>
      store.append(key, planted ? await planted(entry, (other) => store.append(key, other)) : entry),
    ),
  async *entries(key, seq) {
    yield* await wire.send(() => collected(store.entries(key, seq)))
  },
  snapshot: (key) => wire.send(() => store.snapshot(key)),
  putSnapshot: (key, snapshot) => wire.send(() => store.putSnapshot(key, snapshot)),
  watch: (key, listener) => store.watch(key, listener),
  getValue: (key) => wire.send(() => store.getValue(key)),
  putValue: (key, value) => wire.send(() => store.putValue(key, value)),
  deleteValue: (key) => wire.send(() => store.deleteValue(key)),
  listValues: (prefix, limit, cursor) => wire.send(() => store.listValues(prefix, limit, cursor)),
  ping: () => wire.send(() => store.ping()),
  close: async () => {},
})
