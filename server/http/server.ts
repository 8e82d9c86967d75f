import type { Socket } from 'node:net'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify, {
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
  LogController,
} from 'fastify'
import { errors, Problem } from '../../schemas/index.ts'
import { type Gate, guard } from './api.ts'
import { share } from './cors.ts'
import { describeRoutes, docsPage } from './docs/page.ts'
import type { Drain } from './drain.ts'
import { identify, requestId, shared } from './identity.ts'
import { linger } from './linger.ts'
import { readBodies } from './msgpack.ts'
import { Pace } from './pace.ts'
import { problemBody, replyProblem, toProblem } from './problem.ts'
import { applyRoute } from './routes/apply.ts'
import { chainRoutes } from './routes/chains.ts'
import { healthRoutes } from './routes/health.ts'
import { metricsRoute } from './routes/metrics.ts'
import { sessionRoutes } from './routes/sessions.ts'
import { stateRoutes } from './routes/state.ts'
import { stepRoute } from './routes/steps.ts'
import { transformationsRoute } from './routes/transformations.ts'
import { whenClosed } from './send.ts'
import type { Server, Services } from './services.ts'
import { Telemetry } from './telemetry.ts'
import { together } from './together.ts'

export interface ServerOptions extends Gate {
  readonly bodyLimit: number
  readonly requestTimeout: number
  /** Time in which 64 KiB of a body or an answer must move. */
  readonly stallTimeout: number
  /** Certificate and key, in PEM. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** Origins whose pages may use the server; by default none. */
  readonly origins?: readonly string[]
  readonly drain: Drain
  readonly logger: FastifyServerOptions['logger']
}

/** Everything of HTTP: the protocol is in `schemas/README.md`. */
export function buildServer(
  services: Services,
  { bodyLimit, requestTimeout, stallTimeout, tls, origins = [], logger, drain, ...gate }: ServerOptions,
): Server {
  // How often Node looks for requests that take too long; by default every 30 s.
  const times = {
    connectionsCheckingInterval: Math.min(requestTimeout, 5000),
    requestTimeout,
    headersTimeout: Math.min(60_000, requestTimeout),
  }
  const app = fastify({
    logger: logger ?? false,
    bodyLimit,
    requestTimeout,
    // To the rest of the server it is all the same.
    ...((tls === undefined ? { http: times } : { https: { ...tls, ...times } }) as { http: typeof times }),
    requestIdHeader: false,
    genReqId: requestId,
    childLoggerFactory: shared,
    logController: new LogController({ disableRequestLogging: true }),
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
  identify(app)
  const telemetry = new Telemetry(services)
  telemetry.attach(app)
  telemetry.gauge('requests_under_way', 'Requests of the API under way', () => gate.admission.requests)
  telemetry.gauge('held_bytes', 'Bytes of their bodies', () => gate.admission.bytes)
  // Before anything is refused, so that a page can read why.
  share(app, origins)
  drain.attach(app)
  const pace = new Pace(stallTimeout, services.now)
  readBodies(app, { limit: bodyLimit, pace })
  together(app.server)
  linger(app, app.server)
  dropSlowReaders(app, pace)
  app.setErrorHandler((error, request, response) =>
    replyProblem(response, toProblem(error, request, bodyLimit)),
  )
  app.setNotFoundHandler((request, response) =>
    replyProblem(response, notFound(app, request.method, request.url)),
  )
  describeRoutes(app)
  app.register(async (open: Server) => healthRoutes(open, services))
  app.register(docsPage as never)
  app.register(async (api: Server) => {
    await guard(api, gate)
    for (const route of [
      sessionRoutes,
      stepRoute,
      stateRoutes,
      applyRoute,
      chainRoutes,
      transformationsRoute,
    ])
      route(api, services)
    metricsRoute(api, telemetry)
  })
  return app
}

/** A client that does not take its answer gives up what is held for it. */
function dropSlowReaders(app: Server, pace: Pace): void {
  app.addHook('onSend', (_request: FastifyRequest, response: FastifyReply, payload: unknown, done) => {
    const { raw } = response
    const { socket } = raw
    if (socket !== null && typeof payload !== 'string' && !(payload instanceof Uint8Array)) {
      const sent = () => socket.bytesWritten - socket.writableLength
      whenClosed(
        raw,
        pace.watch(sent, () => socket.destroy()),
      )
    }
    done()
  })
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
    `There is no route ${method} ${path}: the API is under /v1, and /docs describes it`,
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
