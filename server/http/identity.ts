import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { FastifyBaseLogger, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify'
import type { Server } from './services.ts'
import type { Tenant } from './tenant.ts'

/** The id that a client gave its request by `X-Request-Id`, if it can stand in a log; else one of ours. */
export function requestId({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers['x-request-id']
  if (typeof given === 'string' && /^[\w.~:/+=-]{1,128}$/.test(given)) return given
  return `${own}-${(++requests).toString(36)}`
}

/** Of this process, and how many requests it has named: no two have the same, and it is soon made. */
const own = randomBytes(9).toString('base64url')
let requests = 0

/** Trace and span of a `traceparent` header, for every line that is logged of a request. */
export function traceOf({ headers }: Pick<IncomingMessage, 'headers'>): {
  trace_id?: string
  parent_id?: string
} {
  if (headers.traceparent === undefined) return {}
  const [, trace_id = '', parent_id = ''] =
    /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(?:-|$)/.exec(
      String(headers.traceparent),
    ) ?? []
  return trace_id === '' ? {} : { trace_id, parent_id }
}

type ChildLogger = NonNullable<FastifyServerOptions['childLoggerFactory']>

/** Requests have no logger of their own until one of them has something to say: most have not. */
export const shared: ChildLogger = (logger) => logger

/** The logger of a request. @see https://www.w3.org/TR/trace-context/#traceparent-header */
export const logOf = ({ log, id, raw }: FastifyRequest): FastifyBaseLogger =>
  log.child({ reqId: id, ...traceOf(raw) })

/**
 * Every answer names its request, and every request has one line in the log: of headers and bodies there is nothing.
 * The line of a step that went well is for debugging: of these there are as many as all else together, many times over.
 */
export function identify(app: Server): void {
  app.addHook('onRequest', (request: FastifyRequest, response: FastifyReply, done) => {
    request.about = request.routeOptions
    response.header('x-request-id', request.id)
    done()
  })
  const debugs = app.log.level === 'debug' || app.log.level === 'trace'
  app.addHook('onResponse', (request: FastifyRequest, response: FastifyReply, done) => {
    done()
    const expected = response.statusCode < 400 && request.about.config.binary
    if (expected && !debugs) return
    const { method, url, ip } = request
    const tenant: Tenant | undefined = request.tenant
    const line = {
      method,
      path: url.split('?')[0],
      ip,
      tenant: tenant?.name,
      status: response.statusCode,
      ms: Math.round(response.elapsedTime * 1000) / 1000,
    }
    logOf(request)[response.statusCode >= 500 ? 'warn' : expected ? 'debug' : 'info'](line, 'answered')
  })
}
