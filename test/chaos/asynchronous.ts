import assert from 'node:assert/strict'
import type { ContributionEvent } from '../../server/sessions/journal.ts'
import type { Client } from './client.ts'
import { Logged } from './logged.ts'

/** Each contribution is a step, and none of them is twice. */
export class Asynchronous extends Logged {
  /** How many of each worker were acknowledged, and how many are in the log. */
  readonly #acknowledged = new Map<string, number>()
  readonly #logged = new Map<string, number>()

  work(worker: string, client: Client): Promise<void> {
    return this.working(async () => {
      let base = 0
      for (let n = 1; !this.over(); n++) {
        const answer = await this.contribute(client, { ...this.course.request(worker, n), base })
        const { status, body } = answer
        const step = Number(body.step)
        assert.ok(status === 200 && body.counted === true && step > base, this.say(worker, n, answer))
        this.ledger.agree(step, body.params, worker)
        this.#acknowledged.set(worker, n)
        base = step
      }
    })
  }

  protected async take(event: ContributionEvent): Promise<void> {
    const { worker, base } = event
    const n = (this.#logged.get(worker) ?? 0) + 1
    this.#logged.set(worker, n)
    this.check(event, n)
    const request = { ...this.course.request(worker, n), base }
    const { status, body } = await this.again.send('POST', `${this.path}/steps`, request)
    assert.ok(status === 200 && body.replayed === false, `${this.course.name}: ${status} of the log`)
    this.ledger.agree(body.step, body.params, 'the log')
  }

  protected advance(): void {}

  override async judge(steps: number, params: Buffer): Promise<void> {
    await super.judge(steps, params)
    assert.deepEqual(this.#logged, this.#acknowledged, `${this.course.name}: contributions of each worker`)
    const sum = [...this.#acknowledged.values()].reduce((all, n) => all + n, 0)
    assert.equal(steps, sum, `${this.course.name}: contributions`)
  }
}
