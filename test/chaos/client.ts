import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { exchange } from '../process.ts'
import type { Random } from '../sessions/simulation/random.ts'
import { seenTime } from './clock.ts'
import type { Place } from './place.ts'
import type { Tally } from './tally.ts'

export type Answer = Awaited<ReturnType<typeof exchange>>

/** Within this a request is answered, if only that it cannot be taken now: where others have the processors, late. */
const answerLimit = 60_000
/** Within this one of its retries is taken. */
const takenLimit = 180_000
/** Of how many attempts is told how they ended, when none is taken. */
const told = 20
/** What is worth a retry, by the protocol. */
const retryable: ReadonlySet<unknown> = new Set(['store_unavailable', 'step_open', 'overloaded'])

/** Sends as the protocol says: the same request, now here, now there, until it is answered. */
export class Client {
  readonly #places: readonly Place[]
  readonly #tally: Tally
  readonly random: Random
  #since: number | undefined

  constructor(places: readonly Place[], tally: Tally, random: Random) {
    this.#places = places
    this.#tally = tally
    this.random = random
  }

  /** How long its request under way has been so, in milliseconds. */
  get waits(): number {
    return this.#since === undefined ? 0 : seenTime() - this.#since
  }

  async send(method: string, path: string, body?: object): Promise<Answer> {
    const start = seenTime()
    this.#since = start
    let lost = false
    const attempts: string[] = []
    for (;;) {
      const place = this.#places[this.random.below(this.#places.length)]
      assert.ok(place && !place.stopped, `${method} ${path} is not needed any more`)
      const { life } = place
      const since = seenTime()
      const answer = await this.#once(`${place.url}${path}`, method, body)
      if (life !== undefined && answer !== undefined) place.answered(life)
      else if (life !== undefined) {
        lost = true
        this.#tally.lost++
      }
      if (answer?.status === 503) {
        assert.ok(retryable.has(answer.body.code), JSON.stringify(answer.body))
        this.#tally.refused++
        // It may be this one that was taken, and is waiting.
        lost = false
      } else if (answer !== undefined) {
        if (lost && answer.body.replayed === true) this.#tally.replayed++
        this.#since = undefined
        this.#tally.answered++
        this.#tally.slowest = Math.max(this.#tally.slowest, seenTime() - start)
        return answer
      }
      attempts.push(`${answer?.body.code ?? 'broken'} after ${seenTime() - since} ms`)
      assert.ok(
        seenTime() - start < takenLimit,
        `${method} ${path} is not taken after ${takenLimit} ms: ${attempts.slice(-told).join(', ')}`,
      )
      await sleep(5 + this.random.below(40))
    }
  }

  /** Undefined where the connection broke. That it is silent is not what a kill looks like, and fails. */
  async #once(url: string, method: string, body: object | undefined): Promise<Answer | undefined> {
    const [silent, since] = [new AbortController(), seenTime()]
    const timer = setInterval(() => {
      if (seenTime() - since > answerLimit) silent.abort()
    }, 1000)
    try {
      return await exchange(url, method, body, { signal: silent.signal })
    } catch (error) {
      if (error instanceof TypeError && /^(fetch failed|terminated)$/.test(error.message)) return undefined
      throw new Error(`${method} ${url} has no answer`, { cause: error })
    } finally {
      clearInterval(timer)
    }
  }
}
