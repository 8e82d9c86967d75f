import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Answer, TestApp } from '../app.ts'

const tensors = [
  { name: 'dense', shape: [64, 32] },
  { name: 'bias', shape: [32] },
]
const open = { chain: 'chain(clip(1.0), adam(1e-3))', tensors }
const size = 64 * 32 + 32

/** Gradients of a step, always the same. */
const gradients = (step: number): Uint8Array =>
  new Uint8Array(Float32Array.from({ length: size }, (_, i) => Math.sin(step * 7919 + i)).buffer)

/** One client of a session, and what an undisturbed server answers it. */
export class Trainer {
  readonly #app: TestApp
  readonly #expected: readonly Buffer[]
  readonly path: string
  /** The step to send next. */
  next = 1
  /** How long the slowest answer took, in milliseconds. */
  slowest = 0

  private constructor(app: TestApp, path: string, expected: readonly Buffer[]) {
    this.#app = app
    this.path = path
    this.#expected = expected
  }

  /** Open a session for so many steps at most. */
  static async open(app: TestApp, steps: number, id = 'run'): Promise<Trainer> {
    const undisturbed = await TestApp.start()
    const expected: Buffer[] = []
    await undisturbed.send('PUT', '/v1/sessions/run', open)
    for (let step = 1; step <= steps; step++) {
      const { body } = await undisturbed.send('POST', '/v1/sessions/run/steps', {
        step,
        grads: gradients(step),
      })
      expected.push(body.updates)
    }
    await undisturbed.close()
    const path = `/v1/sessions/${id}`
    const { status } = await app.send('PUT', path, open)
    assert.equal(status, 201)
    return new Trainer(app, path, expected)
  }

  /** Send a step. Any answer but its own updates and `store_unavailable` in the form of the protocol fails. */
  async send(step = this.next): Promise<Answer> {
    const start = performance.now()
    const answer = await this.#app.send('POST', `${this.path}/steps`, { step, grads: gradients(step) })
    this.slowest = Math.max(this.slowest, performance.now() - start)
    if (answer.status === 200) {
      assert.equal(answer.body.step, step)
      assert.deepEqual(answer.body.updates, this.#expected[step - 1], `step ${step}`)
      if (step === this.next) this.next++
    } else if (answer.status === 503) {
      assert.equal(answer.body.code, 'store_unavailable')
      assert.match(String(answer.headers['retry-after']), /^\d+$/)
    } else assert.equal(answer.body.code, 'step_gap', JSON.stringify(answer.body))
    return answer
  }

  /** As a client does: the same step again until it is answered. How often it was not. */
  async step(limitMs = 20_000): Promise<number> {
    const deadline = Date.now() + limitMs
    for (let refused = 0; ; refused++) {
      const { status, body } = await this.send()
      if (status === 200) return refused
      assert.equal(status, 503, JSON.stringify(body))
      assert.ok(Date.now() < deadline, `step ${this.next} is refused after ${limitMs} ms`)
      await sleep(50)
    }
  }
}
