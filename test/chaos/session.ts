import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { StepRequest } from '../../schemas/index.ts'
import type { Answer, Client } from './client.ts'
import type { Course } from './scenarios.ts'

/** How long the request of one of several workers waits for the others, in milliseconds. */
const patience = 1000

export const idOf = ({ name }: Course): string => name.replaceAll(' ', '-')

/** A session under way, and those who work on it. */
export abstract class Session {
  readonly course: Course
  readonly path: string
  /** Until when there is work. */
  readonly over: () => boolean

  constructor(course: Course, over: () => boolean) {
    this.course = course
    this.path = `/v1/sessions/${idOf(course)}`
    this.over = over
  }

  abstract work(worker: string, client: Client): Promise<void>

  /** Beside those who work, until the work is over. */
  async watch(): Promise<void> {}

  /** When it has seen all that is in the log now, which may then be dropped. */
  async caughtUp(): Promise<void> {}

  /** At the end, with what a server says that has seen nothing: how many steps there are, and the kept parameters. */
  abstract judge(steps: number, params: Buffer): Promise<void>

  abstract close(): Promise<void>

  async open(client: Client): Promise<void> {
    const { status, body } = await client.send('PUT', this.path, this.course.open)
    assert.ok(status === 200 || status === 201, JSON.stringify(body))
  }

  protected async contribute(client: Client, request: StepRequest): Promise<Answer> {
    const waits = (this.course.open.workers ?? 1) > 1 ? { wait_ms: patience } : {}
    const answer = await client.send('POST', `${this.path}/steps`, { ...request, ...waits })
    await sleep(client.random.below(this.course.pause))
    return answer
  }

  protected say(worker: string, n: number, { status, body }: Answer): string {
    const { updates: _, params: __, ...rest } = body
    return `${this.course.name}, ${worker}, ${n}: ${status} ${JSON.stringify(rest)}`
  }
}
