import assert from 'node:assert/strict'
import type { ContributionEvent, Event } from '../../server/sessions/journal.ts'
import type { TestApp } from '../app.ts'
import { Ledger } from './ledger.ts'
import type { Course } from './scenarios.ts'
import type { Scribe } from './scribe.ts'
import { Session } from './session.ts'

/** The log decides what the steps are; a server in this process takes them again from it, and must say the same. */
export abstract class Logged extends Session {
  protected readonly again: TestApp
  protected readonly ledger: Ledger
  readonly #scribe: Scribe
  #working: number
  /** Steps taken again. */
  protected step = 0

  constructor(course: Course, over: () => boolean, scribe: Scribe, again: TestApp) {
    super(course, over)
    this.#scribe = scribe
    this.#working = course.workers.length
    this.again = again
    this.ledger = new Ledger(course.name)
  }

  protected abstract take(event: ContributionEvent): void | Promise<void>
  /** The log has made a step. */
  protected abstract advance(step: number): void | Promise<void>

  override async watch(): Promise<void> {
    await this.#scribe.follow(
      () => this.#working <= 0,
      (event, step) => this.#tell(event, step),
    )
  }

  override caughtUp(): Promise<void> {
    return this.#scribe.caughtUp()
  }

  /** What a worker does, so that it is known when all are done. */
  protected async working(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } finally {
      this.#working--
    }
  }

  async #tell(event: Event, step: number): Promise<void> {
    if (event.kind === 'contribution') await this.take(event)
    if (step === this.step) return
    assert.equal(step, this.step + 1, `${this.course.name}: the log goes from step ${this.step} to ${step}`)
    this.step = step
    await this.advance(step)
  }

  /** That what the log has of a worker is what it sent. */
  protected check({ worker, gradients }: ContributionEvent, n: number): Uint8Array {
    const { grads } = this.course.request(worker, n)
    assert.ok(grads instanceof Uint8Array)
    assert.ok(
      Buffer.concat(gradients.parts).equals(grads),
      `${this.course.name}: the log has as number ${n} of ${worker} something else`,
    )
    return grads
  }

  async judge(steps: number, params: Buffer): Promise<void> {
    assert.equal(steps, this.step, `${this.course.name}: steps taken`)
    assert.equal(
      this.ledger.size,
      this.step,
      `${this.course.name}: steps that were answered, or are in the log`,
    )
    const { raw } = await this.again.send('GET', `${this.path}/params`)
    assert.ok(params.equals(raw), `${this.course.name}: other parameters than the log says`)
  }

  close(): Promise<void> {
    // Also where a worker never came so far.
    this.#working = 0
    return this.again.close()
  }
}
