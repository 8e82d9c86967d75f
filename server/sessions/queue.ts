import { Problem } from '../../schemas/index.ts'

/** Work on a session, one piece after the other, with a bound on how much may wait. */
export class Queues {
  readonly #limit: number
  readonly #done: () => void
  readonly #tails = new Map<string, { length: number; tail: Promise<unknown> | undefined }>()

  /** @param done told when all work on some session is done */
  constructor(limit: number, done = () => {}) {
    this.#limit = limit
    this.#done = done
  }

  /** @throws Problem `overloaded` */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const queue = this.#tails.get(key) ?? { length: 0, tail: undefined }
    if (queue.length > this.#limit)
      throw new Problem(
        'overloaded',
        `${queue.length} requests wait for this session, at most ${this.#limit} may`,
        {
          retry_after: 1,
        },
      )
    queue.length++
    this.#tails.set(key, queue)
    const turn = queue.tail === undefined ? work() : queue.tail.then(work, work)
    queue.tail = turn
    try {
      return await turn
    } finally {
      queue.length--
      if (queue.length === 0) {
        this.#tails.delete(key)
        this.#done()
      }
    }
  }

  busy(key: string): boolean {
    return this.#tails.has(key)
  }

  /** When all work that is under way now is done. */
  async idle(): Promise<void> {
    await Promise.allSettled([...this.#tails.values()].map(({ tail }) => tail))
  }
}
