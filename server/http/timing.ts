/** The stages of a request that `Server-Timing` tells of, in milliseconds. */
export class Timing {
  readonly #now: () => number
  readonly #spent = new Map<string, number>()
  #since: number

  constructor(now: () => number) {
    this.#now = now
    this.#since = now()
  }

  /** A stage ends here: what passed since the last one was its time. */
  lap(stage: string): void {
    const now = this.#now()
    this.#spent.set(stage, (this.#spent.get(stage) ?? 0) + now - this.#since)
    this.#since = now
  }

  get stages(): ReadonlyMap<string, number> {
    return this.#spent
  }

  header(): string {
    let header = ''
    for (const [stage, ms] of this.#spent)
      header += `${header === '' ? '' : ', '}${stage};dur=${Math.round(1000 * ms) / 1000}`
    return header
  }
}
