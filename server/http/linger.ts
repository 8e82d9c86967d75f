import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Server } from './services.ts'

/** How much of a body is let flow off for a refusal, and for how long, in milliseconds. */
const bounds = { bytes: 2 ** 31, time: 10_000 } as const

/** Clients that sent `Expect: 100-continue` and were not told to go on. */
const waiting = new WeakMap<IncomingMessage, ServerResponse>()

/** Tell a client that waits for it to send its body. */
export function goOn(raw: IncomingMessage): void {
  waiting.get(raw)?.writeContinue()
  waiting.delete(raw)
}

/**
 * Refusals that reach a client that is still sending. One that asked whether to send is told before it does; from any
 * other the rest of the body is taken and dropped, within bounds, before its connection is closed: else it would find
 * the connection broken, not read why, and try again for ever.
 */
export function linger(app: Server, http: HttpServer): void {
  http.on('checkContinue', (request, response) => {
    waiting.set(request, response)
    http.emit('request', request, response)
  })
  // Whatever else a client expects it may do without, as HTTP has it; by default it would get a status of Node's own.
  http.on('checkExpectation', (request, response) => http.emit('request', request, response))
  app.addHook('onSend', (request: FastifyRequest, response: FastifyReply, payload, done) => {
    const { raw } = request
    if (response.statusCode < 400 || !isSending(raw)) return done()
    response.header('connection', 'close')
    if (waiting.has(raw) || typeof payload !== 'string') return done()
    response.header('content-length', Buffer.byteLength(payload))
    done(null, Readable.from(andDrain(payload, raw), { objectMode: false }))
  })
}

const isSending = (raw: IncomingMessage): boolean =>
  !raw.complete &&
  !raw.readableEnded &&
  (raw.headers['transfer-encoding'] !== undefined || Number(raw.headers['content-length'] ?? 0) > 0)

async function* andDrain(payload: string, raw: IncomingMessage): AsyncGenerator<Buffer> {
  yield Buffer.from(payload)
  await new Promise<void>((resolve) => {
    let dropped = 0
    const end = () => {
      clearTimeout(timer)
      raw.off('data', drop).off('end', end).off('close', end)
      resolve()
    }
    const drop = (chunk: Buffer) => {
      dropped += chunk.length
      if (dropped > bounds.bytes) end()
    }
    const timer = setTimeout(end, bounds.time)
    if (raw.destroyed || raw.readableEnded) end()
    else raw.on('data', drop).on('end', end).on('close', end).resume()
  })
}
