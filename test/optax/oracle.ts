import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Inputs } from './inputs.ts'

/** By step, a distance from an update; null where what is not finite is not alike. */
export type Distances = readonly (number | null)[]

export type Moved = Readonly<Record<'float32' | 'float64', Distances>>

/** What Optax says of a chain. */
export type Answer =
  | { readonly refused: string }
  | {
      readonly updates: readonly Float64Array[]
      /** How far the updates go when all inputs move by one unit in their last place. */
      readonly moved: Moved
    }

interface Reply {
  readonly id: number
  readonly refused?: string
  readonly updates?: readonly string[]
  readonly moved?: Moved
}

interface Question {
  readonly chain: string
  readonly inputs: Inputs
  /** What to compare with, where this is all that is asked. */
  readonly updates?: readonly Float64Array[]
}

/** Optax in a Python process of its own. */
export class Oracle {
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, { resolve(reply: Reply): void; reject(error: Error): void }>()
  #asked = 0
  readonly ready: Promise<string>

  constructor(python: string, program: string) {
    this.#process = spawn(python, [program], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.ready = new Promise((resolve, reject) => {
      const lines = createInterface({ input: this.#process.stdout as NodeJS.ReadableStream })
      lines.on('line', (line) => {
        const message = JSON.parse(line) as Reply | { readonly optax: string }
        if ('optax' in message) resolve(message.optax)
        else this.#take(message)
      })
      const fail = (why: string) => {
        const error = new Error(`${python} ${program} ${why}`)
        reject(error)
        for (const { reject } of this.#waiting.values()) reject(error)
        this.#waiting.clear()
      }
      this.#process.on('error', ({ message }) => fail(`cannot be run: ${message}`))
      this.#process.on('exit', (code, signal) => fail(`ended with ${signal ?? code}`))
    })
  }

  async answer(chain: string, inputs: Inputs): Promise<Answer> {
    const { refused = '', updates, moved } = await this.#ask({ chain, inputs })
    return updates === undefined || moved === undefined
      ? { refused }
      : { updates: updates.map(decode), moved }
  }

  /**
   * How far from these updates Optax is in float32, and in float64 when what transformations hand on moves by one unit
   * in its last place too; undefined where it refuses the chain then.
   */
  async rounded(chain: string, inputs: Inputs, updates: readonly Float64Array[]): Promise<Moved | undefined> {
    return (await this.#ask({ chain, inputs, updates })).moved
  }

  close(): void {
    this.#process.stdin?.end()
  }

  #ask({ chain, inputs: { tensors, params, gradients, losses }, updates }: Question): Promise<Reply> {
    const id = this.#asked++
    const shapes = Object.fromEntries(tensors.map(({ name, shape }) => [name, shape]))
    const arrays = { params: encode(params), gradients: gradients.map(encode), updates: updates?.map(encode) }
    this.#process.stdin?.write(`${JSON.stringify({ id, chain, shapes, ...arrays, losses })}\n`)
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  #take(reply: Reply): void {
    this.#waiting.get(reply.id)?.resolve(reply)
    this.#waiting.delete(reply.id)
  }
}

const encode = (values: Float64Array): string => Buffer.from(values.buffer).toString('base64')

const decode = (text: string): Float64Array => {
  const bytes = Buffer.from(text, 'base64')
  return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
}
