import assert from 'node:assert/strict'
import { type Answer as Direct, TestApp } from '../app.ts'
import type { Client } from './client.ts'
import type { Course } from './scenarios.ts'
import { Session } from './session.ts'

/** Every reply, as it comes, is held against that of an undisturbed server, to which the same is sent in this process. */
export class Synchronous extends Session {
  readonly #undisturbed: TestApp
  /** Its replies to the latest steps: workers are not further apart. */
  readonly #replies = new Map<number, Promise<Buffer>>()
  /** The last step that anybody began. */
  #furthest = 0

  private constructor(course: Course, over: () => boolean, undisturbed: TestApp) {
    super(course, over)
    this.#undisturbed = undisturbed
  }

  static async start(course: Course, over: () => boolean): Promise<Synchronous> {
    const undisturbed = await TestApp.start({ engine: 'wasm' })
    const session = new Synchronous(course, over, undisturbed)
    assert.equal((await undisturbed.send('PUT', session.path, course.open)).status, 201)
    return session
  }

  async work(worker: string, client: Client): Promise<void> {
    // What one has begun all of them finish.
    for (let n = 1; !this.over() || n <= this.#furthest; n++) {
      this.#furthest = Math.max(this.#furthest, n)
      const answer = await this.contribute(client, this.course.request(worker, n))
      const { status, body } = answer
      assert.ok(status === 200 && body.step === n && body.counted === true, this.say(worker, n, answer))
      const updates = Buffer.from(body.updates as Uint8Array)
      assert.ok(updates.equals(await this.#expected(n)), `${this.say(worker, n, answer)}: other bytes`)
    }
  }

  #expected(n: number): Promise<Buffer> {
    const known = this.#replies.get(n)
    if (known !== undefined) return known
    const reply = this.#step(n, this.#replies.get(n - 1))
    this.#replies.set(n, reply)
    this.#replies.delete(n - 3)
    return reply
  }

  async #step(n: number, before: Promise<unknown> | undefined): Promise<Buffer> {
    await before
    const { workers, request } = this.course
    const send = (worker: string): Promise<Direct> =>
      this.#undisturbed.send('POST', `${this.path}/steps`, request(worker, n))
    const [first] = await Promise.all(workers.map(send))
    assert.equal(first?.status, 200)
    return first.body.updates
  }

  async judge(steps: number, params: Buffer): Promise<void> {
    assert.equal(steps, this.#furthest, `${this.course.name}: steps taken`)
    const { raw } = await this.#undisturbed.send('GET', `${this.path}/params`)
    assert.ok(params.equals(raw), `${this.course.name}: other parameters at the end`)
  }

  close(): Promise<void> {
    return this.#undisturbed.close()
  }
}
