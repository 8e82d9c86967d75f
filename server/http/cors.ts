import type { FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../../schemas/index.ts'
import type { Server } from './services.ts'

/** What a page may ask, send and read, beside what every page may. */
const allowed = {
  'access-control-allow-methods': 'GET, HEAD, PUT, POST, PATCH, DELETE',
  'access-control-allow-headers':
    'authorization, content-type, content-encoding, if-match, traceparent, x-request-id',
  // How long a browser may remember this, in seconds.
  'access-control-max-age': '600',
}
const readable = 'etag, retry-after, server-timing, x-request-id'

/**
 * Pages of these origins may use the server. Any other is told nothing: its browser asks before it sends what could
 * change something, is refused, and does not send it; what it sends without asking, it does not let the page read.
 *
 * @see https://fetch.spec.whatwg.org/#http-cors-protocol
 */
export function share(app: Server, origins: readonly string[]): void {
  app.addHook('onRequest', (request: FastifyRequest, response: FastifyReply, done) => {
    const { method, headers } = request
    const { origin } = headers
    // What it is told depends on who asks: caches must know.
    if (origins.length > 0) response.header('vary', 'origin')
    if (origin === undefined) return done()
    const listed = origins.includes(origin)
    if (listed) {
      response.header('access-control-allow-origin', origin)
      response.header('access-control-expose-headers', readable)
    }
    if (method !== 'OPTIONS' || headers['access-control-request-method'] === undefined) return done()
    if (!listed)
      throw new Problem(
        'forbidden',
        `Pages of ${origin} may not use this server: STEPD_CORS_ORIGINS does not name it`,
      )
    response.code(204).headers(allowed).send()
  })
}
