import type { Live } from './live.ts'

/** Sessions in engine memory: bounded in bytes, least recently used out first. */
export class Residents {
  readonly #limit: number
  readonly #busy: (key: string) => boolean
  readonly #lives = new Map<string, Live>()
  #bytes = 0

  constructor(limit: number, busy: (key: string) => boolean) {
    this.#limit = limit
    this.#busy = busy
  }

  get(key: string): Live | undefined {
    const live = this.#lives.get(key)
    if (live !== undefined) {
      this.#lives.delete(key)
      this.#lives.set(key, live)
    }
    return live
  }

  async put(live: Live): Promise<void> {
    await this.drop(live.key)
    this.#lives.set(live.key, live)
    this.#bytes += weigh(live)
    for (const [key] of this.#lives) {
      if (this.#bytes <= this.#limit) return
      if (!this.#busy(key)) await this.drop(key)
    }
  }

  async drop(key: string): Promise<void> {
    const live = this.#lives.get(key)
    if (live === undefined) return
    this.#lives.delete(key)
    this.#bytes -= weigh(live)
    await live.close()
  }

  async close(): Promise<void> {
    for (const key of [...this.#lives.keys()]) await this.drop(key)
  }
}

/** State, a reply of four bytes an element, and what is noted of the session and of each piece of its state. */
const weigh = ({ stateBytes, program }: Live): number =>
  stateBytes + 4 * program.sizes.reduce((sum, n) => sum + n, 0) + 4096 + 512 * program.plan.state.length
