import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Call, Calls, Kind, Reply, Request } from './messages.ts'

interface Waiting {
  readonly resolve: (gives: unknown) => void
  readonly reject: (error: Error) => void
}

/** The worker thread in which TensorFlow runs, as its engine sees it. It keeps the process alive while it works. */
export class Host {
  readonly #worker = new Worker(fileURLToPath(new URL('./worker.js', import.meta.url)))
  readonly #waiting = new Map<number, Waiting>()
  #stopped: Error | undefined
  #calls = 0

  constructor() {
    this.#worker.unref()
    this.#worker.on('message', (reply: Reply) => this.#settle(reply))
    this.#worker.on('error', (error) => this.#stop(error))
    this.#worker.on('exit', (code) =>
      this.#stop(new Error(`The worker of TensorFlow ended with code ${code}`)),
    )
  }

  /** Memory in `handed` goes over to the worker. */
  call<K extends Kind>(
    kind: K,
    gets: Calls[K]['gets'],
    handed: readonly ArrayBuffer[] = [],
  ): Promise<Calls[K]['gives']> {
    if (this.#stopped !== undefined) return Promise.reject(this.#stopped)
    const id = this.#calls++
    const request: Request = { id, call: { kind, gets } as Call }
    return new Promise((resolve, reject) => {
      this.#worker.postMessage(request, [...handed])
      this.#waiting.set(id, { resolve: resolve as Waiting['resolve'], reject })
      this.#worker.ref()
    })
  }

  #settle({ id, gives, error }: Reply): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (this.#waiting.size === 0) this.#worker.unref()
    if (error === undefined) waiting?.resolve(gives)
    else waiting?.reject(error)
  }

  #stop(error: Error): void {
    this.#stopped ??= error
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }

  /** Let it finish what it does, then end. */
  async end(): Promise<void> {
    if (this.#stopped !== undefined) return
    const ended = new Promise<void>((resolve) => {
      this.#worker.once('exit', () => resolve())
    })
    await this.call('end', undefined)
    this.#worker.ref()
    await ended
  }
}
