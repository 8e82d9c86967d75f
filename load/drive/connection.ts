import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { onread } from './onread.ts'

export interface Answer {
  readonly status: number
  /** `Server-Timing`. */
  readonly timing: string | undefined
  /** Of a refusal, the beginning of its body. */
  readonly text: string
}

interface Waiting {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
}

/** A refusal says its code before. */
const longest = 4096

/**
 * A connection of HTTP/1.1 for one request at a time: it only finds out where answers end. `node:http` takes three times
 * as long a request, from cores that the server could use.
 */
export class Connection {
  readonly #socket: Socket
  #waiting: Waiting | undefined
  #open = true
  #head = ''
  #answer: { status: number; timing: string | undefined; text: string } | undefined
  /** Bytes of the body, or of a chunk and its line end, that are still to come. */
  #left = 0
  #chunked = false
  #last = false
  /** The line that says how long the next chunk is, as far as it is here. */
  #line = ''

  constructor({ protocol, hostname, port }: URL) {
    const secure = protocol === 'https:'
    const place = {
      host: hostname,
      port: Number(port) || (secure ? 443 : 80),
      onread: onread((bytes) => this.#take(bytes)),
    }
    this.#socket = secure ? connectTls({ ...place, servername: hostname }) : connect(place)
    this.#socket.setNoDelay(true)
    this.#socket.on('error', (error) => this.#end(error))
    this.#socket.on('close', () => this.#end(new Error('the connection was closed before the answer')))
  }

  /** Whether another request may be sent. */
  get open(): boolean {
    return this.#open
  }

  send(head: string, body: Uint8Array): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#socket.cork()
      this.#socket.write(head, 'latin1')
      this.#socket.write(body)
      this.#socket.uncork()
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #end(error: Error): void {
    this.#open = false
    this.#waiting?.reject(error)
    this.#waiting = undefined
  }

  #take(bytes: Buffer): void {
    const rest = this.#answer === undefined ? this.#takeHead(bytes) : bytes
    const answer = this.#answer
    if (rest === undefined || answer === undefined) return
    if (answer.status !== 200 && answer.text.length < longest) answer.text += rest.toString('latin1')
    if (this.#chunked ? !this.#takeChunks(rest) : !this.#takeBytes(rest)) return
    this.#answer = undefined
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.resolve(answer)
  }

  /** What follows the head, once it is all here. */
  #takeHead(bytes: Buffer): Buffer | undefined {
    const before = this.#head.length
    this.#head += bytes.toString('latin1')
    const end = this.#head.indexOf('\r\n\r\n')
    if (end < 0) return undefined
    const head = this.#head.slice(0, end)
    this.#head = ''
    const field = (name: RegExp) => name.exec(head)?.[1]
    this.#answer = {
      status: Number(head.slice(9, 12)),
      timing: field(/\r\nserver-timing: ([^\r]*)/i),
      text: '',
    }
    this.#left = Number(field(/\r\ncontent-length: (\d+)/i) ?? 0)
    this.#last = false
    this.#chunked = /\r\ntransfer-encoding: chunked/i.test(head)
    if (/\r\nconnection: close/i.test(head)) this.#open = false
    return bytes.subarray(end + 4 - before)
  }

  #takeBytes(bytes: Buffer): boolean {
    this.#left -= bytes.length
    return this.#left <= 0
  }

  /** Whether the last chunk, which is empty, was among them, with the line end after it. Trailers there are none. */
  #takeChunks(bytes: Buffer): boolean {
    for (let at = 0; at < bytes.length; ) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, bytes.length - at)
        this.#left -= taken
        at += taken
        if (this.#last && this.#left === 0) return true
        continue
      }
      this.#line += String.fromCharCode(bytes[at] ?? 0)
      at += 1
      if (!this.#line.endsWith('\r\n')) continue
      const size = Number.parseInt(this.#line, 16)
      this.#line = ''
      this.#left = size + 2
      this.#last = size === 0
    }
    return false
  }
}
