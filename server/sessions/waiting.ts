import type { Ask } from './live.ts'
import type { StepResult } from './result.ts'

/** One who has contributed to a step and waits until it closes. */
export interface Waiter {
  readonly step: number
  readonly worker: string
  readonly ask: Ask
  readonly replayed: boolean
  readonly resolve: (result: StepResult) => void
  readonly reject: (error: unknown) => void
}

/** Those who wait for one session: each worker once. */
export class Room {
  readonly incarnation: string
  /** It will be looked at how the session stands. */
  looking = false
  readonly #waiters = new Map<string, { readonly waiter: Waiter; readonly timer: NodeJS.Timeout }>()
  readonly #leave: () => void
  #alarm: NodeJS.Timeout | undefined

  /** @param leave told when the last has gone */
  constructor(incarnation: string, leave: () => void) {
    this.incarnation = incarnation
    this.#leave = leave
  }

  get waiters(): readonly Waiter[] {
    return [...this.#waiters.values()].map(({ waiter }) => waiter)
  }

  /** Wait so long and no longer. A worker who comes again takes the place of itself. */
  add(waiter: Waiter, ms: number, late: (waiter: Waiter) => unknown): void {
    const before = this.#waiters.get(waiter.worker)
    const timer = setTimeout(() => this.refuse(waiter, late(waiter)), ms)
    this.#waiters.set(waiter.worker, { waiter, timer })
    if (before === undefined) return
    clearTimeout(before.timer)
    before.waiter.reject(late(before.waiter))
  }

  answer(waiter: Waiter, result: StepResult): void {
    this.#remove(waiter)
    waiter.resolve(result)
  }

  refuse(waiter: Waiter, error: unknown): void {
    this.#remove(waiter)
    waiter.reject(error)
  }

  refuseAll(error: (waiter: Waiter) => unknown): void {
    for (const waiter of this.waiters) this.refuse(waiter, error(waiter))
  }

  /** Call after so long, in place of what was to be called before. */
  alarm(ms: number, ring: () => void): void {
    clearTimeout(this.#alarm)
    this.#alarm = setTimeout(ring, ms)
  }

  #remove(waiter: Waiter): void {
    const kept = this.#waiters.get(waiter.worker)
    if (kept?.waiter !== waiter) return
    clearTimeout(kept.timer)
    this.#waiters.delete(waiter.worker)
    if (this.#waiters.size > 0) return
    clearTimeout(this.#alarm)
    this.#leave()
  }
}
