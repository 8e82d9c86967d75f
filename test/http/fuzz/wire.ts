import { connect, type Socket } from 'node:net'
import { Packr } from 'msgpackr'
import type { Input } from './inputs.ts'
import type { Answer, Asked } from './victim.ts'

const packr = new Packr({ useRecords: false })
const headEnd = '\r\n\r\n'

/** One connection after another, each kept for as long as the server keeps it: no more work than it must be. */
export class Wire implements Asked {
  readonly #port: number
  #socket: Socket | undefined

  constructor(port: number) {
    this.#port = port
  }

  send(method: string, url: string, body?: object): Promise<Answer> {
    const payload = body === undefined ? Buffer.alloc(0) : packr.pack(body)
    return this.#exchange(method, url, { 'content-type': 'application/msgpack' }, payload)
  }

  throw({ method, url, headers, payload }: Input): Promise<Answer> {
    return this.#exchange(method, url, headers, payload)
  }

  /** Bytes that need not be a request, on a connection of their own; 0 where it ends without an answer. */
  nonsense(bytes: Buffer): Promise<number> {
    return new Promise((resolve) => {
      const socket = connect(this.#port, '127.0.0.1')
      let got = ''
      socket.on('data', (data) => {
        got += data.toString('latin1')
      })
      socket.on('error', () => undefined)
      socket.on('close', () => resolve(Number(/^HTTP\/1\.1 ([2-5]\d\d) /m.exec(got)?.[1] ?? 0)))
      socket.end(bytes)
    })
  }

  close(): void {
    this.#socket?.destroy()
  }

  #exchange(
    method: string,
    url: string,
    headers: Readonly<Record<string, string>>,
    payload: Buffer,
  ): Promise<Answer> {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    const length = method === 'GET' ? '' : `content-length: ${payload.length}\r\n`
    const head = `${method} ${url} HTTP/1.1\r\nhost: localhost\r\n${lines.join('')}${length}\r\n`
    const socket = this.#open()
    socket.write(Buffer.concat([Buffer.from(head), payload]))
    return new Promise((resolve, reject) => {
      let got: Buffer = Buffer.alloc(0)
      const onData = (data: Buffer) => {
        got = got.length === 0 ? data : Buffer.concat([got, data])
        const answer = read(got)
        if (answer === undefined) return
        end()
        if (answer.last) socket.destroy()
        resolve(answer)
      }
      const onClose = () => {
        end()
        reject(
          new Error(`${method} ${url} ${payload.toString('hex')} has no answer: ${got.toString('latin1')}`),
        )
      }
      const end = () => socket.off('data', onData).off('close', onClose)
      socket.on('data', onData).on('close', onClose)
    })
  }

  #open(): Socket {
    if (this.#socket === undefined || this.#socket.destroyed) {
      this.#socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true })
      this.#socket.on('error', () => undefined)
    }
    return this.#socket
  }
}

/** A whole answer, where there is one: the server announces the length of each. */
function read(got: Buffer): (Answer & { readonly last: boolean }) | undefined {
  const at = got.indexOf(headEnd)
  if (at < 0) return undefined
  const head = got.toString('latin1', 0, at).toLowerCase()
  const status = Number(head.slice(9, 12))
  const length = Number(/\r\ncontent-length: (\d+)/.exec(head)?.[1] ?? 0)
  const from = at + headEnd.length
  if (got.length < from + length) return undefined
  const raw = got.subarray(from, from + length)
  const type = /\r\ncontent-type: ([^\r;]*)/.exec(head)?.[1] ?? ''
  const body = type.includes('json')
    ? JSON.parse(raw.toString())
    : type.includes('msgpack')
      ? packr.unpack(raw)
      : undefined
  return { status, body, raw, last: head.includes('\r\nconnection: close') }
}
