import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Event, readEvent } from '../../server/sessions/journal.ts'
import { whole } from '../../server/stores/pieces.ts'
import { type Store, StoreUnavailable } from '../../server/stores/store.ts'
import type { Course } from './scenarios.ts'

const pause = 20

/** Takes down a session's log while it grows: by the end, snapshots stand for most of it. */
export class Scribe {
  readonly #store: Store
  readonly #key: string
  readonly #course: Course
  #seq = 0
  #id: string | undefined
  #waiting: (() => void)[] = []
  #over = false

  constructor(store: Store, key: string, course: Course) {
    this.#store = store
    this.#key = key
    this.#course = course
  }

  /** Tell of each entry, in order, and of the step that the session is at with it. */
  async follow(over: () => boolean, tell: (event: Event, step: number) => Promise<void>): Promise<void> {
    try {
      for (;;) {
        // What is there when all is over is read as well.
        const last = over()
        const waiting = this.#waiting.length
        const done = await this.#read(tell)
        if (done) for (const told of this.#waiting.splice(0, waiting)) told()
        if (last && done) return
        await sleep(pause)
      }
    } finally {
      this.#over = true
      for (const told of this.#waiting) told()
    }
  }

  /** When all is read that is in the log now. */
  caughtUp(): Promise<void> {
    return this.#over ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve))
  }

  async #read(tell: (event: Event, step: number) => Promise<void>): Promise<boolean> {
    const { tensors: open = [] } = this.#course.open
    const tensors = open.map((tensor) => ({ ...tensor, rank: tensor.shape.length }))
    try {
      for await (const entry of this.#store.entries(this.#key, this.#seq)) {
        assert.ok(
          entry.seq === this.#seq + 1 && (this.#id ?? entry.previous) === entry.previous,
          `${this.#course.name}: entry ${entry.seq} comes after ${this.#seq}`,
        )
        this.#seq = entry.seq
        this.#id = entry.id
        await tell(readEvent(entry, await whole(entry.body), tensors).event, entry.step)
      }
      return true
    } catch (error) {
      if (error instanceof StoreUnavailable) return false
      throw error
    }
  }
}
