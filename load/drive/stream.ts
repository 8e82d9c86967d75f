import type { Session } from '../../client/typescript/index.ts'
import { NumberedBody } from './bodies.ts'
import type { Wire } from './wire.ts'

/** Who sends the steps of one session, one after the other, as a training program does. */
export interface Stream {
  readonly session: Session
  /** The latest step that was acknowledged. */
  readonly acknowledged: number
  /** Whether others wait for a step of this one: it has to send it, also when time is up. */
  readonly owes: boolean
  /**
   * Send the next step, or again the one that was not acknowledged: its number tells the server.
   *
   * @returns `Server-Timing`, where it is known
   */
  readonly send: () => Promise<string | undefined>
}

/** One of several workers of a session, with the latest step that any of them has sent. */
export interface Worker {
  readonly name: string
  readonly round: { sent: number }
}

/** Straight over the wire, for latencies: a refusal is an error, nothing is sent again by itself. */
export class LeanStream implements Stream {
  readonly session: Session
  readonly #wire: Wire
  readonly #body: NumberedBody
  readonly #path: string
  readonly #round: Worker['round']
  #acknowledged: number

  constructor(wire: Wire, session: Session, parameters: number, worker?: Worker) {
    this.session = session
    this.#wire = wire
    this.#path = `/v1/sessions/${session.id}/steps`
    this.#body = new NumberedBody(parameters, worker?.name)
    this.#round = worker?.round ?? { sent: 0 }
    this.#acknowledged = session.currentStep
  }

  get acknowledged(): number {
    return this.#acknowledged
  }

  get owes(): boolean {
    return this.#acknowledged < this.#round.sent
  }

  async send(): Promise<string | undefined> {
    const step = this.#acknowledged + 1
    this.#round.sent = Math.max(this.#round.sent, step)
    const timing = await this.#wire.post(this.#path, this.#body.for(step))
    this.#acknowledged += 1
    return timing
  }
}

/** By the client that programs use, with the retries that it has. */
export class ClientStream implements Stream {
  readonly owes = false
  readonly session: Session
  readonly #gradients: Float32Array
  #acknowledged: number

  constructor(session: Session, gradients: Float32Array) {
    this.session = session
    this.#gradients = gradients
    this.#acknowledged = session.currentStep
  }

  get acknowledged(): number {
    return this.#acknowledged
  }

  async send(): Promise<undefined> {
    const { step } = await this.session.step(this.#gradients)
    this.#acknowledged = step
  }
}
