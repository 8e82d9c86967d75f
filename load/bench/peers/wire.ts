import { connect, type OnReadOpts, type Socket } from 'node:net'
import { onread } from '../../drive/onread.ts'

/** A connection that sends the same request again and again, and does no more with the answers than see where they end. */
export class Wire {
  readonly #port: number
  readonly #request: readonly Uint8Array[]
  readonly #onread: OnReadOpts = onread((bytes) => this.#take(bytes))
  #socket: Socket | undefined
  #left = 0
  #head = ''
  #answered: ((status: number) => void) | undefined
  #status = 0

  constructor(port: number, path: string, body: Uint8Array) {
    const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/msgpack\r\nContent-Length: ${body.length}\r\n\r\n`
    // What is small goes in one piece, as a client would send it.
    this.#request =
      body.length < 2 ** 16 ? [Buffer.concat([Buffer.from(head), body])] : [Buffer.from(head), body]
    this.#port = port
    this.#socket = this.#connect()
  }

  #connect(): Socket {
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true, onread: this.#onread })
    socket.on('close', () => {
      this.#socket = undefined
      this.#left = 0
      this.#head = ''
      this.#end(0)
    })
    socket.on('error', () => {})
    return socket
  }

  /** The status of the answer, when it is all there; 0 where the connection broke. */
  send(): Promise<number> {
    // Servers close connections on which nothing is asked for a while: while others have their turn.
    this.#socket ??= this.#connect()
    const socket = this.#socket
    return new Promise((resolve) => {
      this.#answered = resolve
      for (const piece of this.#request) socket.write(piece)
    })
  }

  close(): void {
    this.#socket?.destroy()
  }

  #take(chunk: Buffer): void {
    if (this.#left > 0) this.#left -= chunk.length
    else {
      this.#head += chunk.toString('latin1', 0, Math.min(chunk.length, 4096))
      const end = this.#head.indexOf('\r\n\r\n')
      if (end < 0) return
      this.#status = Number(this.#head.slice(9, 12))
      const [, length = '0'] = /content-length: (\d+)/i.exec(this.#head) ?? []
      this.#left = Number(length) - (chunk.length - (end + 4))
      this.#head = ''
    }
    if (this.#left > 0) return
    this.#end(this.#status)
  }

  #end(status: number): void {
    const answered = this.#answered
    this.#answered = undefined
    answered?.(status)
  }
}

/** Requests a second that so many connections come to in a time, in milliseconds. */
export async function rateOf(wires: readonly Wire[], time: number): Promise<number> {
  const since = performance.now()
  let count = 0
  const run = async (wire: Wire) => {
    while (performance.now() - since < time) {
      const status = await wire.send()
      if (status !== 200) throw new Error(`A request was answered with ${status}`)
      count++
    }
  }
  await Promise.all(wires.map(run))
  return (1000 * count) / (performance.now() - since)
}
