import { Problem } from '../../schemas/index.ts'
import type { Appended, Head, StoredSession } from '../stores/store.ts'
import type { Event } from './journal.ts'
import { type Ask, Live, type Until, type Workshop } from './live.ts'
import type { Programs } from './program.ts'
import { notFound, stepPast } from './refusals.ts'
import { Residents } from './residents.ts'
import { readSpec } from './spec.ts'

export interface CopiesOptions extends Workshop {
  readonly programs: Programs
  /** Bytes of state to hold in engine memory. */
  readonly memoryLimit: number
}

/** This server's copies of sessions, and how each is brought to where the journal is. */
export class Copies {
  readonly #options: CopiesOptions
  readonly #residents: Residents

  constructor(options: CopiesOptions, busy: (key: string) => boolean) {
    this.#options = options
    this.#residents = new Residents(options.memoryLimit, busy)
  }

  /** Do something with a session. Where its copy is of another incarnation than the store's, once more. */
  async with<T>(key: string, work: (live: Live) => Promise<T | undefined>): Promise<T> {
    for (let attempt = 0; attempt < 2; attempt++) {
      const live = this.#residents.get(key) ?? (await this.#load(key))
      try {
        const result = await work(live)
        if (result !== undefined) return result
      } catch (error) {
        // A refusal changed nothing. Whatever else happened, the copy can no longer be trusted; the journal can.
        if (!(error instanceof Problem)) await this.drop(key)
        throw error
      }
      await this.drop(key)
    }
    throw notFound(key)
  }

  /** A session as the store has it now. */
  async current(key: string, stored: StoredSession): Promise<Live> {
    const live = this.#residents.get(key)
    if (live === undefined || live.incarnation !== stored.incarnation) return this.#load(key)
    return live.at.id === stored.head.id || (await live.catchUp()) ? live : this.#load(key)
  }

  /** Bring a copy up to an entry just appended. What others appended before it is folded first. */
  async follow(
    live: Live,
    { head, previous }: Appended & { status: 'appended' },
    event: Event,
    ask?: Ask,
  ): Promise<Live> {
    if (previous !== live.at.id) return this.#upTo(live, head, ask)
    await live.snapshotIfDue(bytesOf(event))
    await live.fold(head, event, this.#options.engine.numerics, ask)
    return live
  }

  /** Bring a copy to the latest step with the reply that is asked for. */
  async replay(live: Live, head: Head, ask: Ask): Promise<Live> {
    const same = live.last?.step === head.step && JSON.stringify(live.last.ask) === JSON.stringify(ask)
    return same ? live : this.#upTo(live, head, ask)
  }

  /** Fold up to `head` and no further: beyond it, the reply asked for would be gone. */
  async #upTo(live: Live, head: Head, ask?: Ask): Promise<Live> {
    const until: Until = { seq: head.seq, step: head.step, ...(ask === undefined ? {} : { ask }) }
    const behind = live.at.step < head.step
    const now = behind && (await live.catchUp(until)) ? live : await this.#load(live.key, until)
    // Others went on in the meantime, and a snapshot stands for the step by now.
    if (ask !== undefined && now.last?.step !== head.step) throw stepPast(head.step, now.at.step)
    return now
  }

  async #load(key: string, until?: Until): Promise<Live> {
    await this.drop(key)
    const stored = await this.#options.store.get(key)
    if (stored === undefined) throw notFound(key)
    const spec = readSpec(stored.record)
    const program = this.#options.programs.of(spec)
    const live = await Live.load(() => new Live(this.#options, key, stored, spec, program), until)
    await this.#residents.put(live)
    return live
  }

  drop(key: string): Promise<void> {
    return this.#residents.drop(key)
  }

  close(): Promise<void> {
    return this.#residents.close()
  }
}

const bytesOf = (event: Event): number => {
  if (event.kind !== 'step') return 0
  const parts = [...event.gradients.parts, ...(event.parameters?.parts ?? [])]
  return parts.reduce((sum, part) => sum + part.length, 0)
}
