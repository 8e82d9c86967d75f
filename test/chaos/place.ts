import { setTimeout as sleep } from 'node:timers/promises'
import { ServerProcess } from '../process.ts'
import { startProxy, type Proxy as Wire } from '../proxy.ts'

/** Where a server is, is killed and is started again: clients reach it, and it reaches Redis, through proxies. */
export class Place {
  readonly #store: Wire
  readonly #port: { current?: number }
  readonly clients: Wire
  #server: ServerProcess
  #starting: Promise<void> = Promise.resolve()
  /** How often it was started. */
  #life = 1
  /** What the server that is here now has answered. */
  #answers = 0
  #stopped = false

  private constructor(clients: Wire, store: Wire, server: ServerProcess, port: { current?: number }) {
    this.clients = clients
    this.#store = store
    this.#server = server
    this.#port = port
    port.current = portOf(server)
  }

  /** @param hold what is waited for before these bytes go to Redis, if anything */
  static async start(redis: number, hold: (bytes: Buffer) => Promise<unknown> | undefined): Promise<Place> {
    const port: { current?: number } = {}
    const clients = await startProxy(() => port.current)
    const store = await startProxy(() => redis, hold)
    return new Place(clients, store, await launch(store), port)
  }

  get url(): string {
    return `http://127.0.0.1:${this.clients.port}`
  }

  get store(): Wire {
    return this.#store
  }

  /** Which server is here now; nothing while none answers. */
  get life(): number | undefined {
    return this.#port.current === undefined ? undefined : this.#life
  }

  /** Clients say so when it answers. */
  answered(life: number): void {
    if (life === this.#life) this.#answers++
  }

  /** SIGKILL, once it has given so many answers, and another in its place: that is not waited for here. */
  async kill(answers: number): Promise<void> {
    await this.#starting
    while (this.#answers < answers && !this.#stopped) await sleep(1)
    await this.#server.stop('SIGKILL')
    delete this.#port.current
    if (this.#stopped) return
    this.#starting = this.#restart()
    // Whoever comes to kill it next is told.
    this.#starting.catch(() => {})
  }

  async #restart(): Promise<void> {
    this.#server = await launch(this.#store)
    this.#life++
    this.#answers = 0
    this.#port.current = portOf(this.#server)
  }

  /** Nobody is to wait for it any more. */
  get stopped(): boolean {
    return this.#stopped
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#starting.catch(() => {})
    await this.#server.stop('SIGKILL')
    await Promise.all([this.clients.stop(), this.#store.stop()])
  }
}

const portOf = ({ url }: ServerProcess) => Number(new URL(url).port)

/** Few live long enough for optimized code to pay: without, they start in two thirds of the time. */
const flags = ['--no-opt']

/** How often one is started that ends before it listens: because Redis does not answer it, or nobody lets it run. */
const starts = 5

/** As whoever keeps a server running does. */
async function launch(store: Wire): Promise<ServerProcess> {
  const url = `redis://127.0.0.1:${store.port}`
  for (let start = 1; ; start++) {
    try {
      const env = { STEPD_STORE: url, STEPD_ENGINE: 'wasm', STEPD_LOG_LEVEL: 'info' }
      return await ServerProcess.start(env, flags)
    } catch (error) {
      if (start === starts) throw error
    }
  }
}
