import { connect, type Socket } from 'node:net'
import { Redis } from 'ioredis'
import { into } from '../../turns.ts'
import { sizeOf } from '../pieces.ts'
import type { Client } from './client.ts'
import type { Field } from './keys.ts'
import { command, words } from './resp.ts'

/** What is read between two values: the line before the next one, and what comes with it. */
const WINDOW = 256
/** A connection that owes a reply for so long is given up. */
const SILENCE_MS = 3000

/** A chunk that is sent ahead. */
export interface Staged extends Field {
  /** What is to live for `ms` from now: all that came so far of the body. */
  readonly keys: readonly string[]
  readonly ms: number
  /** What goes first, if anything, so that this is put where it was. */
  readonly instead: Field | undefined
}

interface Asked {
  /** Where a value is to be, and how much of that came. */
  readonly pieces: readonly Uint8Array[]
  readonly size: number
  at: number
  /** Of what is no value: lines of the reply that are still to come. */
  lines: number
  readonly resolve: (done: boolean) => void
}

/**
 * Moves large values between the socket and where they are. A client of Redis makes each of them a buffer, and before
 * that one for each piece that the socket gives: copies, and so much memory taken that the engine of JavaScript looks for
 * garbage all the while. This has a connection of its own, and of the protocol what such values need; where anything else
 * comes, it says that nothing was done, and the caller does it again over its client.
 */
export class Bulk {
  readonly #client: Client
  readonly #window = Buffer.allocUnsafeSlow(WINDOW)
  #asked: Asked[] = []
  #socket: Socket | undefined
  /** Replies to what was sent before the first question. */
  #greetings = 0
  /** What came of a line. */
  #line = ''
  /** Whether the value of the first that was asked for is under way. */
  #inValue = false

  constructor(client: Client) {
    this.#client = client
    // It may find another server: what this is connected to may be the master no longer.
    client.on('close', () => this.close())
  }

  /** Whether a field is there and its value, which must be of that size, was put where these pieces lie. */
  hget(key: string, field: number, pieces: readonly Uint8Array[]): Promise<boolean> {
    this.#socket ??= this.#connect()
    const socket = this.#socket
    if (socket === undefined) return Promise.resolve(false)
    socket.write(command('HGET', key, String(field)))
    return new Promise((resolve) => {
      this.#asked.push({ pieces, size: sizeOf(pieces), at: 0, lines: 0, resolve })
    })
  }

  /** Whether a field was set to a value that lies in pieces, and keys made to live so long, in one transaction. */
  hset({ key, field, keys, ms, instead }: Staged, pieces: readonly Uint8Array[]): Promise<boolean> {
    this.#socket ??= this.#connect()
    const socket = this.#socket
    if (socket === undefined) return Promise.resolve(false)
    socket.cork()
    if (instead !== undefined) socket.write(command('HDEL', instead.key, String(instead.field)))
    socket.write(`${command('MULTI')}*4\r\n${words('HSET', key, String(field))}$${sizeOf(pieces)}\r\n`)
    for (const piece of pieces) socket.write(piece)
    const expiries = keys.map((each) => command('PEXPIRE', each, String(ms)))
    socket.write(`\r\n${expiries.join('')}${command('EXEC')}`)
    socket.uncork()
    // How many went; OK, QUEUED for each, how many there are, and the reply to each.
    const lines = (instead === undefined ? 0 : 1) + 2 * (keys.length + 2)
    return new Promise((resolve) => {
      this.#asked.push({ pieces: [], size: 0, at: 0, lines, resolve })
    })
  }

  /** To where the client is connected now; undefined where that is not one server that is spoken to in plain text. */
  #connect(): Socket | undefined {
    if (!(this.#client instanceof Redis)) return undefined
    const { stream, options } = this.#client
    const address = 'remoteAddress' in stream && !('encrypted' in stream) ? stream.remoteAddress : undefined
    if (address === undefined) return undefined
    const { username, password, db = 0 } = options
    const greetings = [
      ...(password ? [command('AUTH', ...(username ? [username] : []), password)] : []),
      ...(db === 0 ? [] : [command('SELECT', String(db))]),
    ]
    const socket: Socket = connect({
      host: address,
      port: stream.remotePort ?? 6379,
      noDelay: true,
      onread: { buffer: () => this.#next(), callback: (length, from) => this.#read(socket, length, from) },
    })
    socket.setTimeout(SILENCE_MS, () => {
      if (this.#asked.length > 0) socket.destroy()
    })
    socket.on('error', () => {}).on('close', () => this.#end(socket))
    for (const greeting of greetings) socket.write(greeting)
    this.#greetings = greetings.length
    return socket
  }

  /** Where the next read goes: the rest of a piece of the value that is under way, or the window. */
  #next(): Uint8Array {
    const [asked] = this.#asked
    if (!this.#inValue || asked === undefined) return this.#window
    let end = 0
    for (const piece of asked.pieces) {
      end += piece.length
      if (asked.at < end) return piece.subarray(piece.length - (end - asked.at))
    }
    return this.#window
  }

  /** False where there is no more to come. */
  #read(socket: Socket, length: number, from: Uint8Array): boolean {
    if (socket !== this.#socket) return false
    const inPlace = from.buffer !== this.#window.buffer
    for (let begin = 0; begin < length; ) {
      const rest = from.subarray(begin, length)
      const taken = this.#inValue ? this.#value(rest, inPlace) : this.#head(rest)
      if (taken === 0) return false
      begin += taken
    }
    return true
  }

  /** Bytes of a line: `$<size>` before a value, `+OK`, or what makes an end of it. */
  #head(bytes: Uint8Array): number {
    const end = bytes.indexOf(10) + 1
    const part = end === 0 ? bytes : bytes.subarray(0, end)
    this.#line += Buffer.from(part).toString('latin1')
    if (end === 0) {
      // No line that is expected is so long.
      if (this.#line.length > WINDOW) this.close()
      return part.length
    }
    const line = this.#line.trimEnd()
    this.#line = ''
    const [asked] = this.#asked
    // An empty one is the end of the value before it.
    if (line === '') return end
    if (this.#greetings > 0 && line.startsWith('+')) this.#greetings--
    else if (asked !== undefined && asked.lines > 0 && /^([+:]|\*\d)/.test(line)) {
      if (--asked.lines === 0) this.#answer(true)
    } else if (line === '$-1') this.#answer(false)
    else if (line === `$${asked?.size}`) this.#inValue = true
    else {
      this.close()
      return 0
    }
    return end
  }

  #value(bytes: Uint8Array, inPlace: boolean): number {
    const [asked] = this.#asked
    if (asked === undefined) return 0
    const taken = Math.min(bytes.length, asked.size - asked.at)
    if (!inPlace) into(asked.pieces)(bytes.subarray(0, taken), asked.at)
    asked.at += taken
    if (asked.at === asked.size) this.#answer(true)
    return taken
  }

  #answer(placed: boolean): void {
    this.#inValue = false
    this.#asked.shift()?.resolve(placed)
  }

  /** Nothing is placed any more. */
  close(): void {
    const socket = this.#socket
    socket?.destroy()
    if (socket !== undefined) this.#end(socket)
  }

  #end(socket: Socket): void {
    if (socket !== this.#socket) return
    this.#socket = undefined
    this.#inValue = false
    this.#line = ''
    const asked = this.#asked
    this.#asked = []
    for (const { resolve } of asked) resolve(false)
  }
}
