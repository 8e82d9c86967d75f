import type { Target } from '../target.ts'
import { Connection } from './connection.ts'

/**
 * As many connections as there are requests at the same time. No more is done than must be: bodies are made already,
 * answers are dropped as they come, nothing is sent again.
 */
export class Wire {
  readonly #url: URL
  readonly #head: string
  readonly #free: Connection[] = []
  readonly #all = new Set<Connection>()

  constructor({ url, headers }: Target) {
    this.#url = new URL(url)
    const lines = Object.entries({ host: this.#url.host, ...headers }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    )
    this.#head = lines.join('')
  }

  /**
   * Send, and wait for the last byte of the answer.
   *
   * @returns its `Server-Timing`
   * @throws Error with the status and the code of a refusal, or with what became of the connection
   */
  async post(path: string, body: Uint8Array): Promise<string | undefined> {
    const connection = this.#connection()
    const { pathname } = this.#url
    const head = `POST ${pathname === '/' ? '' : pathname}${path} HTTP/1.1\r\n${this.#head}content-length: ${body.length}\r\n\r\n`
    const { status, timing, text } = await connection.send(head, body)
    if (connection.open) this.#free.push(connection)
    if (status === 200) return timing
    throw new Error(`${status} ${/"code":"(\w+)"/.exec(text)?.[1] ?? text.slice(0, 80)}`)
  }

  close(): void {
    for (const connection of this.#all) connection.close()
  }

  /** The one that was used last, for those in it are fewer then. */
  #connection(): Connection {
    for (let free = this.#free.pop(); free !== undefined; free = this.#free.pop()) {
      if (free.open) return free
      this.#all.delete(free)
    }
    const made = new Connection(this.#url)
    this.#all.add(made)
    return made
  }
}
