import type { Series } from '../report/report.ts'
import type { Stage } from '../stage/stage.ts'
import { metricIn } from '../target.ts'

interface Sample {
  readonly at: number
  readonly bytes: ReadonlyMap<string, number>
}

const gauges: readonly (readonly [metric: string, name: string])[] = [
  ['process_resident_memory_bytes', 'server: resident'],
  ['stepd_engine_memory_bytes', 'server: engine'],
  ['nodejs_external_memory_bytes', 'server: buffers'],
  ['nodejs_heap_size_used_bytes', 'server: heap'],
]

/** Looks at the memory of a stage from time to time, until it is stopped. */
export class MemoryWatch {
  readonly #samples: Sample[] = []
  readonly #stage: Stage
  readonly #began = performance.now()
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> = Promise.resolve()

  constructor(stage: Stage, seconds: number) {
    this.#stage = stage
    const every = Math.max(250, (seconds * 1000) / 120)
    this.#timer = setInterval(() => {
      this.#looking = this.#looking.then(() => this.#look())
    }, every)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
  }

  /** In MiB. Nothing where there are no metrics for us. */
  series(): Series[] {
    const names = [...gauges.map(([, name]) => name), 'Redis']
    return names.flatMap((name) => {
      const points = this.#samples.flatMap(({ at, bytes }): [number, number][] => {
        const value = bytes.get(name)
        return value === undefined ? [] : [[at, value / 2 ** 20]]
      })
      return points.length > 0 ? [{ name, points }] : []
    })
  }

  /** Resident memory in the last quarter over that in the second one, medians: 1 is flat. */
  growth(): number {
    const resident = this.series()[0]?.points.map(([, value]) => value) ?? []
    const quarter = resident.length / 4
    const middle = (from: number, to: number) => {
      const part = resident.slice(Math.floor(from), Math.ceil(to)).sort((a, b) => a - b)
      return part[part.length >> 1] ?? Number.NaN
    }
    return middle(3 * quarter, 4 * quarter) / middle(quarter, 2 * quarter)
  }

  async #look(): Promise<void> {
    const at = (performance.now() - this.#began) / 1000
    const [text, redis] = await Promise.all([this.#stage.target.metrics(), this.#stage.redisBytes()])
    const bytes = new Map<string, number>(redis === undefined ? [] : [['Redis', redis]])
    for (const [metric, name] of gauges) {
      const value = metricIn(text, metric)
      if (!Number.isNaN(value)) bytes.set(name, value)
    }
    if (bytes.size > 0) this.#samples.push({ at, bytes })
  }
}
