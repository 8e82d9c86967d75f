type Listener = () => void

/** Who waits for a session to go on, in this process. */
export class Watchers {
  readonly #listeners = new Map<string, Set<Listener>>()
  readonly #pollMs: number
  #timer: NodeJS.Timeout | undefined

  /** @param pollMs how often all are called without reason; 0 where nothing can be missed */
  constructor(pollMs: number) {
    this.#pollMs = pollMs
  }

  add(key: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(key) ?? new Set()
    listeners.add(listener)
    this.#listeners.set(key, listeners)
    if (this.#pollMs > 0) this.#timer ??= setInterval(() => this.callAll(), this.#pollMs).unref()
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.#listeners.get(key) === listeners) this.#listeners.delete(key)
      if (this.#listeners.size === 0) this.close()
    }
  }

  call(key: string): void {
    for (const listener of [...(this.#listeners.get(key) ?? [])]) listener()
  }

  callAll(): void {
    for (const key of [...this.#listeners.keys()]) this.call(key)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
