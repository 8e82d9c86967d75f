import assert from 'node:assert/strict'
import type { ContributionEvent } from '../../server/sessions/journal.ts'
import { f32, floats } from '../app.ts'
import type { Client } from './client.ts'
import { Logged } from './logged.ts'

/** What the log counts is sent again as the mean, by one worker. */
export class Quorum extends Logged {
  #members = new Map<string, Uint8Array>()
  /** `step worker` of the contributions that are in a step. */
  readonly #counted = new Set<string>()
  /** What workers were told of theirs. */
  readonly #told = new Map<string, boolean>()
  #furthest = 0

  work(worker: string, client: Client): Promise<void> {
    return this.working(async () => {
      let n = 1
      while (!this.over() || n <= this.#furthest) {
        this.#furthest = Math.max(this.#furthest, n)
        const answer = await this.contribute(client, this.course.request(worker, n))
        const { status, body } = answer
        if (status === 409 && body.code === 'step_past') {
          n = Number(body.current_step) + 1
          continue
        }
        assert.ok(status === 200 && body.step === n, this.say(worker, n, answer))
        this.ledger.agree(n, body.updates, worker)
        this.#told.set(`${n} ${worker}`, body.counted === true)
        n++
      }
    })
  }

  protected take(event: ContributionEvent): void {
    const { worker } = event
    const name = `${this.course.name}: ${worker} in step ${this.step + 1}`
    assert.ok(!this.#members.has(worker), `${name} twice`)
    this.#members.set(worker, this.check(event, this.step + 1))
    this.#counted.add(`${this.step + 1} ${worker}`)
  }

  protected async advance(step: number): Promise<void> {
    const members = [...this.#members]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([, grads]) => floats(grads))
    this.#members = new Map()
    const { quorum = 0 } = this.course.open
    assert.ok(members.length >= quorum, `${this.course.name}: step ${step} has ${members.length} members`)
    const sums = (members[0] ?? []).map((_, i) => members.reduce((sum, values) => sum + (values[i] ?? 0), 0))
    const grads = f32(...sums.map((sum) => sum / members.length))
    const { status, body } = await this.again.send('POST', `${this.path}/steps`, { step, grads })
    assert.equal(status, 200)
    this.ledger.agree(step, body.updates, 'the log')
  }

  override async judge(steps: number, params: Buffer): Promise<void> {
    await super.judge(steps, params)
    assert.equal(steps, this.#furthest, `${this.course.name}: steps taken`)
    for (const [contribution, counted] of this.#told)
      assert.equal(this.#counted.has(contribution), counted, `${this.course.name}, ${contribution}: counted`)
  }
}
