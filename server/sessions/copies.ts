import { Problem } from '../../schemas/index.ts'
import type { Lent } from '../engines/engine.ts'
import { type Appended, type Head, StateLost, type StoredSession } from '../stores/store.ts'
import { sizeOf } from '../turns.ts'
import { bodyOf, type Event } from './journal.ts'
import { type Ask, Live, type Until, type Workshop } from './live.ts'
import type { Programs } from './program.ts'
import { notFound, stepPast } from './refusals.ts'
import { type Census, Residents } from './residents.ts'
import { readSpec } from './spec.ts'

export interface CopiesOptions extends Workshop {
  readonly programs: Programs
  /** Bytes of state to hold in engine memory. */
  readonly memoryLimit: number
}

interface Checked<C> {
  readonly live: Live
  readonly checked: C
}

/** Bytes that may be around a tensor in a body. */
const heading = 512

/** A session that others step meanwhile may have its snapshot replaced each time that it is read. */
const attempts = 16

/** This server's copies of sessions, and how each is brought to where the journal is. */
export class Copies {
  readonly #options: CopiesOptions
  readonly #residents: Residents
  readonly #busy: (key: string) => boolean

  constructor(options: CopiesOptions, busy: (key: string) => boolean) {
    this.#options = options
    this.#residents = new Residents(options.memoryLimit, busy)
    this.#busy = busy
  }

  /**
   * Check a request against a session, then act on it. A copy may be behind, or of a session that was deleted and made
   * again: what it refuses is checked once more against the session as it is now. So is a request for which `act` finds
   * nothing any more.
   */
  async with<C, T>(
    key: string,
    check: (live: Live) => C,
    act: (live: Live, checked: C) => Promise<T | undefined>,
  ): Promise<T> {
    for (let attempt = 0; attempt < 2; attempt++) {
      const { live, checked } = this.#atOnce(key, check) ?? (await this.#checked(key, check))
      try {
        const result = await act(live, checked)
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

  /** Memory for the body of a step, where there is a copy and its engine has some. */
  lend(key: string, bytes: number, next: boolean): Lent | undefined {
    const live = this.#residents.get(key)
    if (live === undefined) return undefined
    // Who sends the next one has the reply of the last: where it was, there is room. Should it be asked for all the same,
    // it is made again.
    if (next && !this.#busy(key)) live.forget()
    return live.lend(bytes)
  }

  /**
   * How many tensors there are in a body of so many bytes, if it has gradients and little else: none where parameters come
   * with every step, nor where it is larger than a step can be.
   */
  tensorsIn(key: string, bytes: number): number {
    const { program, spec } = this.#residents.get(key) ?? {}
    if (program === undefined || spec === undefined || (program.plan.needs.parameters && !spec.keeps))
      return 0
    const most = program.sizes.reduce((sum, size) => sum + 4 * size + heading, heading)
    return bytes <= most ? spec.tensors.length : 0
  }

  /** Whether it is the step after the latest that is known here. */
  isNext(key: string, step: number | 'next' | undefined): boolean {
    const live = this.#residents.get(key)
    return live !== undefined && (step === 'next' || step === live.at.step + 1)
  }

  #atOnce<C>(key: string, check: (live: Live) => C): Checked<C> | undefined {
    const live = this.#residents.get(key)
    if (live === undefined) return undefined
    try {
      return { live, checked: check(live) }
    } catch (error) {
      if (error instanceof Problem) return undefined
      throw error
    }
  }

  async #checked<C>(key: string, check: (live: Live) => C): Promise<Checked<C>> {
    const live = await this.current(key)
    return { live, checked: check(live) }
  }

  /** A session as the store has it now. */
  async current(key: string, known?: StoredSession): Promise<Live> {
    const stored = known ?? (await this.#options.store.get(key))
    if (stored === undefined) {
      await this.drop(key)
      throw notFound(key)
    }
    const live = this.#residents.get(key)
    if (live === undefined || live.incarnation !== stored.incarnation) return this.#load(key)
    if (live.at.id === stored.head.id) return live
    // A copy that is ahead of the store has steps that a failover lost. And where state was put in place of all before
    // it, there may be nothing to catch up with.
    const behind = live.at.seq < stored.head.seq
    const follows = behind && (await this.#caughtUp(live)) && live.at.seq >= stored.head.seq
    return follows ? live : this.#load(key)
  }

  /** Bring a copy up to an entry just appended. What others appended before it is folded first. */
  async follow(
    live: Live,
    { head, previous }: Extract<Appended, { status: 'appended' }>,
    event: Event,
    ask?: Ask,
  ): Promise<Live> {
    const ready = live.at.id === previous ? live : await this.#upTo(live, { seq: head.seq - 1 })
    // Others went on in the meantime, and a snapshot stands for the entry by now.
    if (ready.at.id !== previous) {
      if (event.kind === 'step') throw stepPast(head.step, ready.at.step)
      return ready
    }
    // Not for what is no step: the latest step must stay in the journal, so that its reply can be made again.
    const steps = head.step > ready.at.step || head.step === 0
    if (steps && ready.snapshotIsDue(sizeOf(bodyOf(event)))) await ready.snapshot()
    await ready.fold(head, event, this.#options.engine.numerics, ask)
    return ready
  }

  /** Bring a copy to the latest step with the reply that is asked for. */
  async replay(live: Live, head: Head, ask: Ask): Promise<Live> {
    const has = () => live.last?.step === head.step && JSON.stringify(live.last.ask) === JSON.stringify(ask)
    if (live.at.id === head.id && has()) return live
    // What came after the step must follow it: else the store lost that step, and has another in its place.
    if (has() && live.at.seq < head.seq && (await this.#caughtUp(live, { seq: head.seq })) && has())
      return live
    const now = await this.#upTo(live, { seq: head.seq, reply: { step: head.step, ask } })
    if (now.last?.step === head.step) return now
    const stored = await this.#options.store.get(live.key)
    throw stepPast(head.step, stored?.head.step ?? now.at.step)
  }

  /** The latest step of a session with the reply that is asked for, as `replay` has it. */
  async latest(key: string, incarnation: string, head: Head, ask: Ask): Promise<Live> {
    const resident = this.#residents.get(key)
    if (resident?.incarnation === incarnation) return this.replay(resident, head, ask)
    const loaded = await this.#load(key, { seq: head.seq, reply: { step: head.step, ask } })
    if (loaded.incarnation !== incarnation) throw notFound(key)
    return this.replay(loaded, head, ask)
  }

  /** Fold up to an entry and no further: beyond it, a reply asked for would be gone. */
  async #upTo(live: Live, until: Until): Promise<Live> {
    // A reply that is not there any more is made again from the snapshot on.
    const ahead = until.reply === undefined || live.at.step < until.reply.step
    if (ahead && live.at.seq < until.seq && (await this.#caughtUp(live, until))) return live
    const now = await this.#load(live.key, until)
    if (now.incarnation === live.incarnation) return now
    throw notFound(live.key)
  }

  /** A copy that broke while it was folded must not stay. */
  async #caughtUp(live: Live, until?: Until): Promise<boolean> {
    try {
      return await live.catchUp(until)
    } catch (error) {
      await this.drop(live.key)
      throw error
    }
  }

  /** Snapshot, then journal: all of it, or until an entry. */
  async #load(key: string, until?: Until): Promise<Live> {
    await this.drop(key)
    for (let attempt = 0; attempt < attempts; attempt++) {
      const stored = await this.#options.store.get(key)
      if (stored === undefined) throw notFound(key)
      const spec = readSpec(stored.record)
      const live = new Live(this.#options, key, stored, spec, this.#options.programs.of(spec))
      // A snapshot that was put in the meantime has dropped what was about to be read: begin from that one.
      let ready = false
      try {
        ready = (await live.begin()) && (await live.catchUp(until))
      } finally {
        if (!ready) await live.close()
      }
      if (!ready) continue
      await this.#residents.put(live)
      return live
    }
    throw new StateLost(`The journal of ${key} does not follow its snapshot, read ${attempts} times`)
  }

  census(): Census {
    return this.#residents.census()
  }

  /** Put out what is beyond the limit, now that somebody is done. */
  async trim(): Promise<void> {
    await this.#residents
      .trim()
      .catch((error: unknown) => this.#options.warn('A session was not put out', error))
  }

  drop(key: string): Promise<void> {
    return this.#residents.drop(key)
  }

  close(): Promise<void> {
    return this.#residents.close()
  }
}
