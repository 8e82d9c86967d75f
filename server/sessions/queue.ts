import { Problem } from '../../schemas/index.ts'

interface Queue {
  length: number
  tail: Promise<unknown> | undefined
}

/** Queues up to which those stay where nobody waits. */
const least = 1024

/** Work on a session, one piece after the other, with a bound on how much may wait. */
export class Queues {
  readonly #limit: number
  readonly #done: () => void
  /**
   * Also of sessions on which nothing waits, until there are many. From a map that is added to and deleted from all the
   * time V8 makes another every few steps, and each that grew old keeps the next one alive, with whatever that was of.
   */
  readonly #queues = new Map<string, Queue>()
  #most = least

  /** @param done told when all work on some session is done */
  constructor(limit: number, done = () => {}) {
    this.#limit = limit
    this.#done = done
  }

  /** @throws Problem `overloaded` */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const queue = this.#queues.get(key) ?? this.#begin(key)
    if (queue.length > this.#limit)
      throw new Problem(
        'overloaded',
        `${queue.length} requests wait for this session, at most ${this.#limit} may`,
        {
          retry_after: 1,
        },
      )
    queue.length++
    const turn = queue.tail === undefined ? work() : queue.tail.then(work, work)
    queue.tail = turn
    try {
      return await turn
    } finally {
      queue.length--
      if (queue.length === 0) {
        queue.tail = undefined
        this.#done()
      }
    }
  }

  #begin(key: string): Queue {
    if (this.#queues.size >= this.#most) {
      for (const [other, { length }] of this.#queues) if (length === 0) this.#queues.delete(other)
      this.#most = Math.max(least, 2 * this.#queues.size)
    }
    const queue = { length: 0, tail: undefined }
    this.#queues.set(key, queue)
    return queue
  }

  busy(key: string): boolean {
    return (this.#queues.get(key)?.length ?? 0) > 0
  }

  /** When all work that is under way now is done. */
  async idle(): Promise<void> {
    await Promise.allSettled([...this.#queues.values()].map(({ tail }) => tail))
  }
}
