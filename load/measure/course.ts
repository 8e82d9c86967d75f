import type { Point } from '../report/report.ts'
import { Latencies } from './latencies.ts'

/** How a run went: what ended in each slice of time, and how long it took. */
export class Course {
  readonly slice: number
  readonly #slices: Latencies[] = []

  /** @param slice in seconds */
  constructor(slice: number) {
    this.slice = slice
  }

  /** @param at seconds since the beginning */
  record(at: number, ms: number): void {
    const i = Math.max(0, Math.floor(at / this.slice))
    while (this.#slices.length <= i) this.#slices.push(new Latencies())
    this.#slices[i]?.record(ms)
  }

  /** A second, in each slice. */
  rates(): Point[] {
    return this.#slices.map(({ count }, i) => [this.#middle(i), count / this.slice])
  }

  /** Only of slices in which anything ended. */
  quantile(q: number): Point[] {
    return this.#slices.flatMap((one, i): Point[] =>
      one.count > 0 ? [[this.#middle(i), one.quantile(q)]] : [],
    )
  }

  /** All together, or those of some slices. */
  whole(counts = (_slice: number) => true): Latencies {
    const all = new Latencies()
    for (const [i, one] of this.#slices.entries()) if (counts(i)) all.add(one)
    return all
  }

  #middle(i: number): number {
    return (i + 0.5) * this.slice
  }
}
