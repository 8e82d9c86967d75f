import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import type { StepOutput } from '../engines/engine.ts'
import { sizeOf } from '../turns.ts'

/** Up to here an answer is sent in one go, with its head; beyond, in chunks of at most this many bytes. */
const small = 2 ** 16
const large = 2 ** 20

/** Send bytes that lie in pieces, from where they lie. They must stay as they are until the response is closed. */
export function sendPieces(response: FastifyReply, pieces: readonly Uint8Array[]): FastifyReply {
  const length = sizeOf(pieces)
  if (length <= small) return response.send(Buffer.concat(pieces, length))
  return response.header('content-length', String(length)).send(new Chunks(pieces, length))
}

/** Release the memory of an output when its last byte has gone, or the client has. */
export function releaseWhenSent({ raw }: FastifyReply, { lease }: Pick<StepOutput, 'lease'>): void {
  if (lease !== undefined) whenClosed(raw, () => lease.release())
}

/** What waits for the end of an answer: one listener, however much waits. */
const waiting = Symbol('waiting')
type Awaited = ServerResponse & { [waiting]?: (() => void)[] }

/** Do it when the last byte of an answer has gone, or the client has. */
export function whenClosed(raw: Awaited, work: () => void): void {
  const known = raw[waiting]
  if (raw.closed) work()
  else if (known !== undefined) known.push(work)
  else {
    raw[waiting] = [work]
    raw.on('close', closed)
  }
}

function closed(this: Awaited): void {
  for (const work of this[waiting] ?? []) work()
  this[waiting] = []
}

/** To a fast reader all could go at once: a chunk, then a turn for others. */
class Chunks extends Readable {
  readonly #chunks: Iterator<Uint8Array>
  #left: number
  #began = false

  constructor(pieces: readonly Uint8Array[], length: number) {
    super()
    this.#chunks = chunksOf(pieces)
    this.#left = length
  }

  override _read(): void {
    if (this.#began) setImmediate(() => this.#give())
    else this.#give()
    this.#began = true
  }

  #give(): void {
    if (this.destroyed) return
    const { value = new Uint8Array() } = this.#chunks.next()
    this.#left -= value.length
    this.push(value)
    if (this.#left === 0) this.push(null)
  }
}

/** Large pieces cut, small ones joined. */
export function* chunksOf(pieces: readonly Uint8Array[]): Generator<Uint8Array> {
  let gathered: Uint8Array[] = []
  let length = 0
  for (const piece of pieces) {
    if (length > 0 && length + piece.length > small) {
      yield Buffer.concat(gathered, length)
      gathered = []
      length = 0
    }
    if (piece.length > small)
      for (let at = 0; at < piece.length; at += large) yield piece.subarray(at, at + large)
    else {
      gathered.push(piece)
      length += piece.length
    }
  }
  if (length > 0) yield Buffer.concat(gathered, length)
}
