import { keptOf } from './history.ts'
import type { Live } from './live.ts'
import { roundBytes } from './spec.ts'

/** How many sessions are in engine memory, the bytes of their state, and what their journals have beyond snapshots. */
export interface Census {
  readonly sessions: number
  readonly bytes: number
  readonly entries: number
  readonly journal: number
}

/** Sessions in engine memory: bounded in bytes, least recently used out first, of those used since it was half full. */
export class Residents {
  readonly #limit: number
  readonly #busy: (key: string) => boolean
  readonly #lives = new Map<string, Live>()
  #bytes = 0

  constructor(limit: number, busy: (key: string) => boolean) {
    this.#limit = limit
    this.#busy = busy
  }

  get(key: string): Live | undefined {
    const live = this.#lives.get(key)
    // While there is room in plenty nobody asks who was used last, and a map that all go in and out of is garbage.
    if (live !== undefined && this.#bytes > this.#limit / 2) {
      this.#lives.delete(key)
      this.#lives.set(key, live)
    }
    return live
  }

  async put(live: Live): Promise<void> {
    await this.drop(live.key)
    this.#lives.set(live.key, live)
    this.#bytes += weigh(live)
    await this.trim()
  }

  /** Put out what is beyond the limit and not at work; the one used last may stay. */
  async trim(): Promise<void> {
    for (const [key] of this.#lives) {
      if (this.#bytes <= this.#limit || this.#lives.size === 1) return
      if (!this.#busy(key)) await this.drop(key)
    }
  }

  async drop(key: string): Promise<void> {
    const live = this.#lives.get(key)
    if (live === undefined) return
    this.#lives.delete(key)
    this.#bytes -= weigh(live)
    await live.close()
  }

  census(): Census {
    const lives = [...this.#lives.values()]
    const sum = (of: (live: Live) => number) => lives.reduce((sum, live) => sum + of(live), 0)
    return {
      sessions: lives.length,
      bytes: sum(({ stateBytes }) => stateBytes),
      entries: sum(({ journal }) => journal.entries),
      journal: sum(({ journal }) => journal.bytes),
    }
  }

  async close(): Promise<void> {
    for (const key of [...this.#lives.keys()]) await this.drop(key)
  }
}

/**
 * State, a reply and a contribution of each of several workers of four bytes an element, and what is noted of the session,
 * of what happened to it, and of each piece of its state.
 */
const weigh = ({ stateBytes, program, spec: { workers } }: Live): number =>
  stateBytes +
  4 * program.sizes.reduce((sum, n) => sum + n, 0) +
  roundBytes(workers, program.sizes) +
  4096 +
  keptOf(program.plan) * (128 + 16 * program.plan.exposed.size) +
  512 * program.plan.state.length
