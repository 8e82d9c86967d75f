import helmet from '@fastify/helmet'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifySchema } from 'fastify'
import { errors, ProblemReply } from '../../../schemas/index.ts'
import { fileType, msgpackTypes } from '../msgpack.ts'
import type { Server } from '../services.ts'
import { type Form, type Operation, operations } from './operations.ts'

/** Media types of each form. */
const types: Readonly<Record<Exclude<Form, 'none'>, readonly string[]>> = {
  plain: ['application/json', msgpackTypes[0] ?? ''],
  json: ['application/json'],
  tensors: [msgpackTypes[0] ?? ''],
  file: [fileType],
  text: ['text/plain'],
}

const about = `Gradients in, updates out. Bodies with tensors are msgpack, in which a tensor is a \`bin\`: little-endian,
row-major, unpadded. Here such bytes stand as strings of the media type application/octet-stream; a msgpack \`str\` is not
taken for one. Everything else may also be JSON. A request may be compressed by gzip.`

/** The description of all routes that are registered after this, in OpenAPI 3.1. */
export function describeRoutes(app: Server): void {
  ;(app as unknown as FastifyInstance).register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'stepd', version: '1', description: about },
      servers: [{ url: '/' }],
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
    },
    transform: ({ schema, url, route }) => {
      const method = [route.method].flat().find((name) => name !== 'HEAD')
      const operation = operations[`${method} ${url}`]
      if (operation !== undefined) return { schema: describe(schema ?? {}, operation, url), url }
      if (method !== undefined && url.startsWith('/v1/')) throw new Error(`${method} ${url} is not described`)
      // This page itself, and what Fastify adds.
      return { schema: { hide: true }, url }
    },
  })
}

function describe(schema: FastifySchema, operation: Operation, url: string): FastifySchema {
  const { summary, tag, takes, gives, reply, also } = operation
  const body = takes === 'file' ? bytes : schema.body
  const success = { description: 'Done', ...(gives === 'none' ? { type: 'null' } : content(gives, reply)) }
  return plain({
    ...schema,
    ...(body === undefined || takes === undefined
      ? {}
      : { body, consumes: types[takes as keyof typeof types] }),
    summary,
    tags: [tag],
    ...(url.startsWith('/v1/') || url === '/metrics' ? { security: [{ key: [] }, {}] } : {}),
    response: {
      [gives === 'none' ? 204 : 200]: success,
      ...(also === undefined ? {} : { [also]: { ...success, description: 'Made' } }),
      default: {
        description: `A problem, by its code: ${Object.keys(errors).join(', ')}`,
        content: { 'application/problem+json': { schema: ProblemReply } },
      },
    },
  }) as FastifySchema
}

const bytes = { type: 'string', contentMediaType: 'application/octet-stream' } as const

function content(form: Exclude<Form, 'none'>, reply: unknown): object {
  const schema = reply ?? (form === 'file' ? bytes : { type: 'string' })
  return { content: Object.fromEntries(types[form].map((type) => [type, { schema }])) }
}

/** A copy in which our keyword for bytes is said in the words of JSON Schema. */
function plain(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(plain)
  if (typeof schema !== 'object' || schema === null) return schema
  const { bin, ...rest } = schema as Record<string, unknown>
  const copy = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, plain(value)]))
  return bin === true ? { ...bytes, description: 'bytes: a msgpack bin', ...copy } : copy
}

const policy = [
  "default-src 'self'",
  "img-src 'self' data:",
  // The page sets styles on its elements.
  "style-src 'self' 'unsafe-inline'",
  "object-src 'none'",
  "base-uri 'self'",
  "frame-ancestors 'none'",
].join('; ')

/** `/docs`: a page to read the description and to try it; `/docs/json` is the description itself. */
export async function docsPage(scope: FastifyInstance): Promise<void> {
  await scope.register(helmet, { contentSecurityPolicy: false, strictTransportSecurity: false })
  await scope.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: policy,
    uiConfig: { tryItOutEnabled: true, validatorUrl: null },
  })
}
