import type { Socket } from 'node:net'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { errors, Problem } from '../../schemas/index.ts'
import type { Drain } from './drain.ts'
import { readBodies } from './msgpack.ts'
import { problemBody, replyProblem, toProblem } from './problem.ts'
import { applyRoute } from './routes/apply.ts'
import { chainRoutes } from './routes/chains.ts'
import { healthRoutes } from './routes/health.ts'
import { sessionRoutes } from './routes/sessions.ts'
import { stepRoute } from './routes/steps.ts'
import { transformationsRoute } from './routes/transformations.ts'
import type { Server, Services } from './services.ts'

export interface ServerOptions {
  readonly bodyLimit: number
  readonly requestTimeout: number
  readonly drain: Drain
  readonly logger: FastifyServerOptions['logger']
}

/** Everything of HTTP: the protocol is in `schemas/README.md`. */
export function buildServer(
  services: Services,
  { bodyLimit, requestTimeout, logger, drain }: ServerOptions,
): Server {
  const app = fastify({
    logger: logger ?? false,
    bodyLimit,
    requestTimeout,
    // How often Node looks for requests that take too long; by default every 30 s.
    http: {
      connectionsCheckingInterval: Math.min(requestTimeout, 5000),
      requestTimeout,
      headersTimeout: Math.min(60_000, requestTimeout),
    },
    frameworkErrors: (error, request, response) => {
      replyProblem(response, toProblem(error, request, bodyLimit))
    },
    routerOptions: { maxParamLength: 256 },
    clientErrorHandler,
    ajv: {
      customOptions: {
        coerceTypes: false,
        removeAdditional: false,
        useDefaults: false,
        allErrors: false,
        // Types that are a union, and what was expected in the schema's own words.
        allowUnionTypes: true,
        verbose: true,
      },
      plugins: [addBin],
    },
  }).withTypeProvider<TypeBoxTypeProvider>()
  drain.attach(app)
  readBodies(app as unknown as FastifyInstance, bodyLimit)
  app.setErrorHandler((error, request, response) =>
    replyProblem(response, toProblem(error, request, bodyLimit)),
  )
  app.setNotFoundHandler((request, response) =>
    replyProblem(response, notFound(app, request.method, request.url)),
  )
  for (const route of [sessionRoutes, stepRoute, applyRoute, chainRoutes, transformationsRoute, healthRoutes])
    route(app, services)
  return app
}

type AjvPlugin = Extract<
  NonNullable<NonNullable<FastifyServerOptions['ajv']>['plugins']>[number],
  (...args: never[]) => unknown
>

/** `{ bin: true }`: a `bin` of msgpack. */
const addBin: AjvPlugin = (ajv) => {
  const isBin = (_schema: unknown, data: unknown) => data instanceof Uint8Array
  return ajv.addKeyword({ keyword: 'bin', validate: isBin, errors: false })
}

const methods = ['GET', 'PUT', 'POST', 'PATCH', 'DELETE'] as const

function notFound(app: Server, method: string, url: string): Problem {
  const path = url.split('?')[0] ?? ''
  const allow = methods.filter((other) => app.findRoute({ url: path, method: other }) !== null)
  if (allow.length > 0)
    return new Problem('method_not_allowed', `${path} takes ${allow.join(', ')}, found ${method}`, { allow })
  return new Problem(
    'route_not_found',
    `There is no route ${method} ${path}: the API is under /v1, as schemas/README.md of the project says`,
  )
}

/** Requests that never became one: too slow, or not HTTP. */
function clientErrorHandler(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return
  const code = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'request_timeout' : 'malformed_body'
  const detail =
    code === 'request_timeout'
      ? 'The request did not arrive in time: send it again, faster'
      : 'This is not an HTTP request'
  const body = problemBody(code, detail)
  const { status, title } = errors[code]
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}
