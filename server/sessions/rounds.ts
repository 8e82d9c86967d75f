import { Problem } from '../../schemas/index.ts'
import type { Head, Store } from '../stores/store.ts'
import type { Copies } from './copies.ts'
import { type ContributionEvent, digest } from './journal.ts'
import type { Ask, Live } from './live.ts'
import type { Log } from './log.ts'
import type { Queues } from './queue.ts'
import { checkContribution, notFound, roundGone, stepGap, stepOpen, stepPast } from './refusals.ts'
import { type Lap, resultOf, type StepResult } from './result.ts'
import type { Spec } from './spec.ts'
import { Room, type Waiter } from './waiting.ts'

export interface RoundsOptions {
  readonly store: Store
  readonly log: Log
  readonly queues: Queues
  readonly copies: Copies
}

/** A promise that is not to be awaited by who passes it on. */
export interface Pending {
  readonly pending: Promise<StepResult>
}

/** What a worker sends to a step. */
export interface Offer {
  readonly step: number
  readonly event: ContributionEvent
  readonly ask: Ask
  /** Milliseconds to wait for the others. */
  readonly wait: number
}

/** How soon it is tried again where the session has too much work. */
const AGAIN_MS = 100

/** Steps that several workers make together. That they close is in the log; here is who waits for it. */
export class Rounds {
  readonly #options: RoundsOptions
  readonly #rooms = new Map<string, Room>()

  constructor(options: RoundsOptions) {
    this.#options = options
  }

  /**
   * Take a contribution, in the session's queue. What has to wait for others is pending, and no longer in the queue.
   * Undefined when the session is not the one that the request was checked against.
   */
  async join(live: Live, offer: Offer, lap: Lap): Promise<StepResult | Pending | undefined> {
    const { log, copies } = this.#options
    const { step, event, ask } = offer
    const own = await digest(event)
    const appended = await log.append(live, event, {
      after: step - 1,
      advance: { digest: own },
      round: { member: event.worker, full: live.spec.workers },
    })
    lap('commit')
    if (appended.status === 'missing') return undefined
    if (appended.status === 'appended') {
      const now = await copies.follow(live, appended, event, ask)
      lap('compute')
      if (appended.head.step < step) return this.#wait(now, offer, appended.head, false)
      this.#hand(now)
      return resultOf(now, { replayed: false, counted: true })
    }
    const { head } = appended
    const known = 'known' in appended ? appended.known : undefined
    checkContribution(head, offer.step, own, known)
    if (head.step < step) return this.#wait(live, offer, head, true)
    const now = await copies.replay(live, head, ask)
    lap('compute')
    const counted = known !== undefined
    return resultOf(now, { replayed: counted, counted })
  }

  #wait(live: Live, { step, event, ask, wait }: Offer, head: Head, replayed: boolean): Pending {
    const { key, incarnation, spec } = live
    const pending = new Promise<StepResult>((resolve, reject) => {
      const room = this.#enter(key, incarnation, spec)
      const { worker } = event
      room.add({ step, worker, ask, replayed, resolve, reject }, wait, ({ step }) => stepOpen(step))
      this.#setAlarm(key, room, spec, head)
    })
    return { pending }
  }

  #enter(key: string, incarnation: string, spec: Spec): Room {
    const there = this.#rooms.get(key)
    if (there?.incarnation === incarnation) return there
    there?.refuseAll(() => notFound(key))
    const look = () => this.#look(key, room, spec)
    const end = this.#options.store.watch(key, look)
    const room = new Room(incarnation, () => {
      end()
      if (this.#rooms.get(key) === room) this.#rooms.delete(key)
    })
    this.#rooms.set(key, room)
    // What happened before it was watched nobody will tell.
    look()
    return room
  }

  /** The latest reply to all who wait for it. Those who asked for another form of it get it in their turn. */
  #hand(live: Live): void {
    const { key, last, incarnation, spec } = live
    const room = this.#rooms.get(key)
    if (room === undefined || room.incarnation !== incarnation || last === undefined) return
    for (const waiter of room.waiters) {
      if (waiter.step !== last.step || !sameAsk(waiter.ask, last.ask)) continue
      room.answer(waiter, resultOf(live, { replayed: waiter.replayed, counted: true }))
    }
    if (room.waiters.length > 0) this.#look(key, room, spec)
  }

  /** See in the session's queue how it stands, once whatever is before it there is done. */
  #look(key: string, room: Room, spec: Spec): void {
    if (room.looking) return
    room.looking = true
    const looked = this.#options.queues.run(key, async () => {
      room.looking = false
      await this.#settle(key, room, spec)
    })
    looked.catch((error: unknown) => {
      room.looking = false
      if (error instanceof Problem && error.code === 'overloaded')
        room.alarm(AGAIN_MS, () => this.#look(key, room, spec))
      else room.refuseAll(() => error)
    })
  }

  /** Close the step if that is due, and answer those whose step is closed. */
  async #settle(key: string, room: Room, spec: Spec): Promise<void> {
    if (room.waiters.length === 0) return
    const stored = await this.#options.store.get(key)
    if (stored?.incarnation !== room.incarnation) return room.refuseAll(() => notFound(key))
    const head = isDue(stored.head, spec) ? await this.#close(key, room, spec, stored.head) : stored.head
    const waiting = room.waiters.toSorted((a, b) => (JSON.stringify(a.ask) < JSON.stringify(b.ask) ? -1 : 1))
    for (const waiter of waiting) {
      if (waiter.step <= head.step) await this.#answer(key, room, waiter, head)
      // State was put in place of what the round was of.
      else if (waiter.step > head.step + 1) room.refuse(waiter, stepGap(waiter.step, head.step))
      else if (head.round === undefined) room.refuse(waiter, roundGone(waiter.step))
    }
    if (room.waiters.length > 0) this.#setAlarm(key, room, spec, head)
  }

  async #answer(key: string, room: Room, waiter: Waiter, head: Head): Promise<void> {
    try {
      if (waiter.step < head.step) throw stepPast(waiter.step, head.step)
      const live = await this.#options.copies.latest(key, room.incarnation, head, waiter.ask)
      room.answer(waiter, resultOf(live, { replayed: waiter.replayed, counted: true }))
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      room.refuse(waiter, error)
    }
  }

  /** Close the step with those who came, unless it has been closed meanwhile. Where the session is then. */
  async #close(key: string, room: Room, { quorum = 1, deadline_ms = 0 }: Spec, head: Head): Promise<Head> {
    const { log, copies } = this.#options
    const event = { kind: 'close' } as const
    const closed = await log.append({ key, incarnation: room.incarnation }, event, {
      after: head.step,
      advance: { digest: '' },
      round: { least: quorum, age: deadline_ms },
    })
    if (closed.status === 'missing') throw notFound(key)
    if (closed.status === 'appended') {
      const ask = room.waiters.find(({ step }) => step === closed.head.step)?.ask
      await copies.with(
        key,
        () => undefined,
        async (live) =>
          live.incarnation === room.incarnation ? copies.follow(live, closed, event, ask) : undefined,
      )
    }
    return closed.head
  }

  /** A hint: that the deadline is over is the store's to say. */
  #setAlarm(key: string, room: Room, spec: Spec, { round }: Head): void {
    if (spec.deadline_ms === undefined || round === undefined) return
    // After it, the quorum may be what is missing: whoever completes it looks at once.
    if (round.age >= spec.deadline_ms && round.members < (spec.quorum ?? 1)) return
    room.alarm(Math.max(0, spec.deadline_ms - round.age), () => this.#look(key, room, spec))
  }

  /** Let all go who wait: their contributions stay counted. */
  close(): void {
    for (const room of [...this.#rooms.values()]) room.refuseAll(({ step }) => stepOpen(step))
  }
}

const isDue = ({ round }: Head, { quorum, deadline_ms }: Spec): boolean =>
  round !== undefined &&
  quorum !== undefined &&
  deadline_ms !== undefined &&
  round.members >= quorum &&
  round.age >= deadline_ms

const sameAsk = (a: Ask, b: Ask): boolean => JSON.stringify(a) === JSON.stringify(b)
