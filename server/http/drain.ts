import type { FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../../schemas/index.ts'
import { whenClosed } from './send.ts'
import type { Server } from './services.ts'

/**
 * Requests under way, so that a server can stop when they are answered. Once stopping, connections are closed with their
 * answer, and what comes in new is refused: another server takes it.
 */
export class Drain {
  /** How many: a set that each is put into and taken out of keeps the garbage collector busy. */
  #under = 0
  #stopping: (() => void) | undefined

  attach(app: Server): void {
    app.addHook('onRequest', (_request: FastifyRequest, response: FastifyReply, done) => {
      if (this.#stopping !== undefined) {
        response.header('connection', 'close')
        throw new Problem('overloaded', 'The server is stopping: send the request again', { retry_after: 1 })
      }
      this.#under++
      whenClosed(response.raw, () => {
        this.#under--
        this.#check()
      })
      done()
    })
    app.addHook('onSend', (_request: FastifyRequest, response: FastifyReply, _payload, done) => {
      if (this.#stopping !== undefined) response.header('connection', 'close')
      done()
    })
  }

  /** Resolves when all requests under way are answered: false where some are not after so many milliseconds. */
  async idle(limit: number): Promise<boolean> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, limit)
      this.#stopping = () => {
        clearTimeout(timer)
        resolve()
      }
      this.#check()
    })
    return this.#under === 0
  }

  #check(): void {
    if (this.#under === 0) this.#stopping?.()
  }
}
