import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify'
import type { Server } from './services.ts'
import type { Tenant } from './tenant.ts'

/** The id that a client gave its request by `X-Request-Id`, if it can stand in a log; else one of ours. */
export function requestId({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers['x-request-id']
  return typeof given === 'string' && /^[\w.~:/+=-]{1,128}$/.test(given) ? given : randomUUID()
}

/** Trace and span of a `traceparent` header, for every line that is logged of a request. */
export function traceOf({ headers }: Pick<IncomingMessage, 'headers'>): {
  trace_id?: string
  parent_id?: string
} {
  const [, trace_id = '', parent_id = ''] =
    /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(?:-|$)/.exec(
      String(headers.traceparent),
    ) ?? []
  return trace_id === '' ? {} : { trace_id, parent_id }
}

type ChildLogger = NonNullable<FastifyServerOptions['childLoggerFactory']>

/** @see https://www.w3.org/TR/trace-context/#traceparent-header */
export const traced: ChildLogger = (logger, bindings, options, raw) =>
  logger.child({ ...bindings, ...traceOf(raw as IncomingMessage) }, options)

/** Every answer names its request, and every request has one line in the log: of headers and bodies there is nothing. */
export function identify(app: Server): void {
  app.addHook('onRequest', async (request: FastifyRequest, response: FastifyReply) => {
    response.header('x-request-id', request.id)
  })
  app.addHook('onResponse', async (request: FastifyRequest, response: FastifyReply) => {
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
    if (response.statusCode >= 500) request.log.warn(line, 'answered')
    else request.log.info(line, 'answered')
  })
}
