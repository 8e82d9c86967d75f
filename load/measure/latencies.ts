import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'

/** Milliseconds from 1 µs to ten minutes, to within 1 %, in constant memory. */
export class Latencies {
  readonly #histogram: RecordableHistogram = createHistogram({ lowest: 1, highest: 6e8, figures: 2 })

  record(ms: number): void {
    this.#histogram.record(Math.min(6e8, Math.max(1, Math.round(ms * 1000))))
  }

  /** All of another one's too. */
  add({ histogram }: Latencies): void {
    this.#histogram.add(histogram)
  }

  get histogram(): RecordableHistogram {
    return this.#histogram
  }

  get count(): number {
    return this.#histogram.count
  }

  /** @param q from 0 to 1 */
  quantile(q: number): number {
    return this.count === 0 ? Number.NaN : this.#histogram.percentile(q * 100) / 1000
  }

  get max(): number {
    return this.count === 0 ? Number.NaN : this.#histogram.max / 1000
  }
}

/** The quantiles that tables and plots show, as [name, q]. */
export const quantiles = [
  ['p50', 0.5],
  ['p90', 0.9],
  ['p99', 0.99],
  ['p99.9', 0.999],
] as const
