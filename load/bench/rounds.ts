/** Something whose speed is compared with that of others. */
export interface Contender {
  readonly name: string
  /** Do it a few times; figures in milliseconds, each the median of these times. */
  readonly run: () => Promise<Figures>
  readonly close: () => void | Promise<void>
}

export type Figures = Readonly<Record<string, number>>

/** What contenders came to, round by round. */
export class Results {
  readonly #figures: ReadonlyMap<string, readonly Figures[]>

  constructor(figures: ReadonlyMap<string, readonly Figures[]>) {
    this.#figures = figures
  }

  /** All rounds, one after the other, of contenders that were started anew in between. */
  static joined(all: readonly Results[]): Results {
    const names = new Set(all.flatMap((results) => [...results.#figures.keys()]))
    return new Results(
      new Map([...names].map((name) => [name, all.flatMap((results) => results.#figures.get(name) ?? [])])),
    )
  }

  /** NaN where there is no such contender or figure. */
  median(name: string, figure = 'ms'): number {
    return median(this.#of(name, figure))
  }

  /** How many times as long `a` takes: the median of the ratios within a round, which a noisy machine moves least. */
  ratio(a: string, b: string, figure = 'ms'): number {
    const [over, under] = [this.#of(a, figure), this.#of(b, figure)]
    return median(over.map((ms, round) => ms / (under[round] ?? Number.NaN)))
  }

  /** The same of the best rounds: what is left when others on the machine are quiet. */
  bestRatio(a: string, b: string, figure = 'ms'): number {
    return Math.min(...this.#of(a, figure)) / Math.min(...this.#of(b, figure))
  }

  #of(name: string, figure: string): readonly number[] {
    return (this.#figures.get(name) ?? []).map((figures) => figures[figure] ?? Number.NaN)
  }
}

/** Contenders in turn, round after round, each time from another one on; the first round only warms up. */
export async function inRounds(contenders: readonly Contender[], rounds: number): Promise<Results> {
  const figures = new Map(contenders.map(({ name }) => [name, [] as Figures[]]))
  for (let round = 0; round <= rounds; round++) {
    for (let k = 0; k < contenders.length; k++) {
      const contender = contenders[(k + round) % contenders.length]
      const found = await contender?.run()
      if (contender !== undefined && found !== undefined && round > 0)
        figures.get(contender.name)?.push(found)
    }
  }
  for (const { close } of contenders) await close()
  return new Results(figures)
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, x) => sum + x, 0) / values.length

/** Between the two nearest values where it falls between them; NaN of none. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const at = q * (sorted.length - 1)
  const [low = Number.NaN, high = Number.NaN] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]]
  return low + (high - low) * (at - Math.floor(at))
}

/** Milliseconds that something takes. What is done at once is not waited for. */
export async function timed(work: () => unknown): Promise<number> {
  const since = performance.now()
  const running = work()
  if (running instanceof Promise) await running
  return performance.now() - since
}
