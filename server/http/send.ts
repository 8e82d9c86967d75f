import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
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
  return response
    .header('content-length', String(length))
    .send(Readable.from(inTurns(pieces), { objectMode: false }))
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
async function* inTurns(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunksOf(pieces)) {
    yield chunk
    await setImmediate()
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
