import assert from 'node:assert/strict'
import { errors } from '../../../schemas/index.ts'
import { type Input, inputs, open, steps } from './inputs.ts'

/** An answer: `body` is decoded, where it is no file. */
export interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any
  readonly raw: Buffer
}

export interface Asked {
  /** Decoded by its own Content-Type; JSON where nothing is sent. */
  send(method: 'GET' | 'PUT' | 'POST' | 'PATCH', url: string, body?: object): Promise<Answer>
  throw(input: Input): Promise<Answer>
}

const documented = new Set(Object.values(errors).map(({ status }) => status as number))
/** A status of the error table that blames the client. */
export const isRefusal = (status: number): boolean => status < 500 && documented.has(status)

/** One of so many refusals is followed by a look at the session. */
const looks = 16

/** A session at which requests are thrown, in one sequence: what is refused must not change it. */
export class Victim {
  /** How often each status came. */
  readonly statuses = new Map<number, number>()
  readonly #path: string
  readonly #asked: Asked
  readonly #next: () => Input
  #before = ''
  #thrown = 0

  constructor(asked: Asked, name: string, seed: number) {
    this.#asked = asked
    this.#path = `/v1/sessions/${name}`
    this.#next = inputs(this.#path, seed)
  }

  async start(): Promise<void> {
    const { status } = await this.#asked.send('PUT', this.#path, open)
    assert.equal(status, 201)
    for (const step of steps)
      assert.equal((await this.#asked.send('POST', `${this.#path}/steps`, step)).status, 200)
    this.#before = await this.#look()
  }

  /** @throws AssertionError with the request, where its answer is not one that is documented or the session changed */
  async once(): Promise<void> {
    const input = this.#next()
    const { status, body } = await this.#asked.throw(input)
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
    const what = () =>
      `${input.method} ${input.url} ${JSON.stringify(input.headers)} ${input.payload.toString('hex')}: ` +
      `${status} ${JSON.stringify(body)}`
    if (status >= 400) {
      assert.ok(isRefusal(status), what())
      assert.ok(body.code in errors && body.status === status, what())
      assert.doesNotMatch(body.detail, /\/(work|tmp|home|root)\/|node_modules|\.[jt]s:\d|\n\s+at /, what())
    }
    // What was taken may change something, also when the session is forgotten.
    if (status < 400) await this.#restart()
    else if (this.#thrown++ % looks === 0) assert.equal(await this.#look(), this.#before, what())
  }

  async #restart(): Promise<void> {
    const { status } = await this.#asked.send('PATCH', this.#path, { ttl_s: open.ttl_s })
    if (status === 404) await this.start()
    else this.#before = await this.#look()
  }

  async #look(): Promise<string> {
    const { body } = await this.#asked.send('GET', this.#path)
    const { raw } = await this.#asked.send('GET', `${this.#path}/state`)
    return JSON.stringify([body.step, body.chain, body.hyperparams, body.ttl_s, raw.toString('latin1')])
  }
}
