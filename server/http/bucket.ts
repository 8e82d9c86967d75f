/**
 * Bytes that may flow in a time. What is large goes in one piece and is paid for afterwards: while a tenant owes, it
 * waits.
 */
export class Bucket {
  readonly #now: () => number
  /** When what was spent is paid for. */
  #paid = Number.NEGATIVE_INFINITY

  constructor(now: () => number) {
    this.#now = now
  }

  spend(bytes: number, perSecond: number): void {
    this.#paid = Math.max(this.#paid, this.#now()) + (1000 * bytes) / perSecond
  }

  /** Seconds until more may flow: a second's worth may always be owed. */
  wait(): number {
    return Math.max(0, (this.#paid - this.#now()) / 1000 - 1)
  }
}
