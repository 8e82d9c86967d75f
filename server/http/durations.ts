import type { Histogram, Registry } from 'prom-client'

/** Upper bounds of the buckets, in seconds. */
const bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

type Labels = Readonly<Record<string, string>>

interface Series {
  readonly labels: Labels
  /** Observations in each bucket and not in the one before it; the last is of those beyond all bounds. */
  readonly counts: Float64Array
  sum: number
}

/**
 * A histogram for a registry of prom-client. Its own looks for the labels' values anew at every observation, which would be a
 * tenth of a small step; here the caller knows the series by a key.
 *
 * @see https://prometheus.io/docs/concepts/metric_types/#histogram
 */
export class Durations {
  readonly name: string
  readonly help: string
  readonly type = 'histogram'
  readonly aggregator = 'sum'
  readonly #series = new Map<string, Series>()

  constructor(registry: Registry, name: string, help: string) {
    this.name = name
    this.help = help
    registry.registerMetric(this as unknown as Histogram)
  }

  /** @param labels asked for at the first observation under this key */
  observe(key: string, seconds: number, labels: () => Labels): void {
    let series = this.#series.get(key)
    if (series === undefined) {
      series = { labels: labels(), counts: new Float64Array(bounds.length + 1), sum: 0 }
      this.#series.set(key, series)
    }
    let bucket = 0
    while (bucket < bounds.length && seconds > (bounds[bucket] ?? 0)) bucket++
    series.counts[bucket] = (series.counts[bucket] ?? 0) + 1
    series.sum += seconds
  }

  /** As a registry asks for it. */
  async get() {
    const { name, help, type, aggregator } = this
    const values = [...this.#series.values()].flatMap(({ labels, counts, sum }) => {
      let count = 0
      const buckets = [...counts].map((own, i) => {
        count += own
        const le = i < bounds.length ? String(bounds[i]) : '+Inf'
        return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count }
      })
      return [
        ...buckets,
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: count },
      ]
    })
    return { name, help, type, aggregator, values }
  }
}
