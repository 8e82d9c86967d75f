/** Mean milliseconds of the stages that `Server-Timing` tells of. */
export class Stages {
  readonly #sums = new Map<string, number>()
  #count = 0

  /** @param header as it came; of a proxy that drops it there is nothing */
  note(header: string | undefined): void {
    if (header === undefined) return
    this.#count += 1
    for (const part of header.split(', ')) {
      const [name = '', duration] = part.split(';dur=')
      const ms = Number(duration)
      if (Number.isFinite(ms)) this.#sums.set(name, (this.#sums.get(name) ?? 0) + ms)
    }
  }

  mean(stage: string): number {
    return (this.#sums.get(stage) ?? 0) / Math.max(1, this.#count)
  }
}

/** In the order in which a step passes them. `wait` is for other workers. */
export const stageNames = ['read', 'queue', 'decode', 'commit', 'compute', 'wait', 'encode'] as const
