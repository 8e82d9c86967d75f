import { Agent, type IncomingMessage, request } from 'node:http'
import { Packr } from 'msgpackr'
import { ServerProcess } from '../../test/process.ts'
import { values } from './plans.ts'

const packr = new Packr({ useRecords: false })

/** A server of its own, and a client that does no more than it must: bodies are made once, replies are dropped. */
export class Service {
  readonly #server: ServerProcess
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly #key: string

  private constructor(server: ServerProcess, key: string) {
    this.#server = server
    this.#key = key
  }

  /** @param key what requests come with, where the server asks for one */
  static async start(store: string, env: Readonly<Record<string, string>> = {}, key = ''): Promise<Service> {
    const settings = { STEPD_STORE: store, STEPD_BODY_LIMIT: '2 GiB', STEPD_LOG_LEVEL: 'info', ...env }
    return new Service(await ServerProcess.start(settings), key)
  }

  async open(id: string, chain: string, n: number): Promise<void> {
    const tensors = [{ name: 'w', shape: [n] }]
    await this.#send('PUT', `/v1/sessions/${id}`, packr.pack({ chain, tensors }))
  }

  get port(): number {
    return Number(new URL(this.#server.url).port)
  }

  get pid(): number {
    return this.#server.pid
  }

  /** Without `step`: it takes whatever comes next. */
  stepBody(n: number): Buffer {
    return packr.pack({ grads: new Uint8Array(values(n, Math.sin).buffer) })
  }

  /** Milliseconds from the first byte sent to the last one received, and those of the server's stages. */
  async step(
    id: string,
    body: Buffer,
  ): Promise<{ readonly ms: number; readonly spent: ReadonlyMap<string, number> }> {
    const since = performance.now()
    const { headers } = await this.#send('POST', `/v1/sessions/${id}/steps`, body)
    const ms = performance.now() - since
    const timing = String(headers['server-timing']).split(', ')
    const spent = timing.map((stage): [string, number] => {
      const [name = '', duration] = stage.split(';dur=')
      return [name, Number(duration)]
    })
    return { ms, spent: new Map(spent) }
  }

  async describe(id: string): Promise<void> {
    await this.#send('GET', `/v1/sessions/${id}`)
  }

  async forget(id: string): Promise<void> {
    await this.#send('DELETE', `/v1/sessions/${id}`)
  }

  async stop(): Promise<void> {
    this.#agent.destroy()
    await this.#server.stop()
  }

  #send(method: string, path: string, body?: Buffer): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const headers = {
        ...(this.#key === '' ? {} : { authorization: `Bearer ${this.#key}` }),
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/msgpack', 'content-length': body.length }),
      }
      const sent = request(`${this.#server.url}${path}`, { method, agent: this.#agent, headers })
      sent.on('error', reject)
      sent.on('response', (reply) => {
        reply.on('error', reject)
        if ((reply.statusCode ?? 500) < 300) reply.resume().on('end', () => resolve(reply))
        else
          reply
            .setEncoding('utf8')
            .on('data', (text) => reject(new Error(`${method} ${path}: ${reply.statusCode} ${text}`)))
      })
      sent.end(body)
    })
  }
}
