import { setTimeout as sleep } from 'node:timers/promises'

/** What must move within the time that is given: less is a peer that stalls, or wants to hold what it was given. */
const least = 2 ** 16

/** Milliseconds from one that is ended to the next. */
const between = 2

interface Watched {
  readonly moved: () => number
  readonly held: () => boolean
  readonly stalled: () => void
  since: number
  at: number
}

/** Ends transfers that hardly move. One timer for all, which ends when it finds nothing to watch. */
export class Pace {
  readonly limit: number
  readonly #now: () => number
  readonly #watched = new Set<Watched>()
  readonly #stalled = new Set<Watched>()
  #timer: NodeJS.Timeout | undefined
  #ending = false

  /** @param limit milliseconds in which 64 KiB or the rest of a transfer must move */
  constructor(limit: number, now: () => number) {
    this.limit = limit
    this.#now = now
  }

  /** Watch a transfer, of which so many bytes have moved; what is given back ends that. While it is held no time runs. */
  watch(moved: () => number, stalled: () => void, held = () => false): () => void {
    const watched = { moved, held, stalled, since: this.#now(), at: moved() }
    this.#watched.add(watched)
    this.#timer ??= this.#start()
    return () => {
      this.#watched.delete(watched)
      this.#stalled.delete(watched)
    }
  }

  /** Apart from what is watched: a timer that is made beside it would hold it for as long as it runs. */
  #start(): NodeJS.Timeout {
    return setInterval(() => this.#check(), Math.max(10, this.limit / 8)).unref()
  }

  #check(): void {
    if (this.#watched.size === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
    }
    const now = this.#now()
    for (const watched of this.#watched) {
      const at = watched.moved()
      if (at - watched.at >= least || watched.held()) Object.assign(watched, { since: now, at })
      else if (now - watched.since >= this.limit) {
        this.#watched.delete(watched)
        this.#stalled.add(watched)
      }
    }
    if (!this.#ending) void this.#end()
  }

  /** One after the other: each is to be told, there may be hundreds, and those who try again at once are to come so too. */
  async #end(): Promise<void> {
    this.#ending = true
    for (const watched of this.#stalled) {
      this.#stalled.delete(watched)
      watched.stalled()
      await sleep(between)
    }
    this.#ending = false
  }
}
