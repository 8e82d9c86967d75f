/** Lets so many through at a time; the rest wait in the order they came, and not without end. */
export class Gate {
  #free: number
  readonly #patience: number
  readonly #waiting = new Set<() => void>()

  constructor(places: number, patience: number) {
    this.#free = places
    this.#patience = patience
  }

  /** Rejects with what `late` makes where there was no place in time. */
  async run<T>(work: () => Promise<T>, late: () => Error): Promise<T> {
    if (this.#free > 0) this.#free--
    else await this.#turn(late)
    try {
      return await work()
    } finally {
      const [next] = this.#waiting
      if (next === undefined) this.#free++
      else next()
    }
  }

  #turn(late: () => Error): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        clearTimeout(timer)
        this.#waiting.delete(enter)
        resolve()
      }
      const timer = setTimeout(() => {
        this.#waiting.delete(enter)
        reject(late())
      }, this.#patience)
      this.#waiting.add(enter)
    })
  }
}
