import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { type ErrorCode, errors, Problem, retryable } from '../../schemas/index.ts'
import { StateLost, StoreUnavailable } from '../stores/store.ts'
import { logOf } from './identity.ts'

/** Answer a problem as RFC 9457 has it. */
export function replyProblem(response: FastifyReply, { code, message, more }: Problem): FastifyReply {
  const { status } = errors[code]
  const { retry_after, ...rest } = more
  response.request.problem = code
  if (status === 401) response.header('www-authenticate', 'Bearer')
  if (Array.isArray(more.allow)) response.header('allow', more.allow.join(', '))
  if (retryable(status)) response.header('retry-after', String(retry_after ?? 1))
  return response
    .code(status)
    .type('application/problem+json')
    .send(problemBody(code, message, rest))
}

export const problemBody = (
  code: ErrorCode,
  detail: string,
  more: Readonly<Record<string, unknown>> = {},
): string => JSON.stringify({ type: 'about:blank', ...errors[code], detail, code, ...more })

/** The problem that an error is. What we did not foresee is ours: logged in full, told in a sentence. */
export function toProblem(error: unknown, request: FastifyRequest, bodyLimit: number): Problem {
  if (error instanceof Problem) return error
  if (error instanceof StoreUnavailable) {
    logOf(request).warn(error)
    const detail =
      'The store does not answer now. What was asked may have been done: the same request again settles it'
    return new Problem('store_unavailable', detail)
  }
  if (error instanceof StateLost) {
    logOf(request).error(error)
    return new Problem('state_lost', error.message)
  }
  return fromFastify(error as FastifyError, request, bodyLimit) ?? unforeseen(error, request)
}

function fromFastify(error: FastifyError, request: FastifyRequest, limit: number): Problem | undefined {
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new Problem('body_too_large', `The body is larger than ${limit} bytes`, { limit })
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE': {
      const found = request.headers['content-type'] ?? 'none'
      return new Problem(
        'unsupported_media_type',
        `Content-Type is ${found}, expected application/msgpack or application/json`,
      )
    }
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'FST_ERR_BAD_URL':
    case 'FST_ERR_MAX_PARAM_LENGTH':
    case 'FST_ERR_ASYNC_CONSTRAINT':
      return new Problem('malformed_body', error.message)
    case 'FST_ERR_VALIDATION':
      return invalid(error, request)
    default:
      return undefined
  }
}

/** What a request is checked against, of which an error names a part. */
interface Checked {
  readonly description?: string
  readonly properties?: object
}

const parts: Readonly<Record<string, string>> = {
  params: 'the path',
  querystring: 'the query',
  body: 'the body',
}

/** A sentence for the first thing that is wrong. */
function invalid({ validation, validationContext = 'body' }: FastifyError, request: FastifyRequest): Problem {
  const [first] = validation ?? []
  if (first === undefined) return new Problem('invalid_request', 'The request is not valid')
  const { instancePath, keyword, message = 'is not valid', params } = first
  const { description, properties = {} } = ((first as { parentSchema?: Checked }).parentSchema ??
    {}) as Checked
  const within = parts[validationContext] ?? validationContext
  const field = instancePath === '' ? within : `${instancePath.slice(1).replaceAll('/', '.')} in ${within}`
  const refuse = (detail: string, path = instancePath) => new Problem('invalid_request', detail, { path })
  if (keyword === 'bin') {
    const json = String(request.headers['content-type']).includes('json')
    const expected = json
      ? 'bytes, which JSON cannot hold: send application/msgpack'
      : 'bytes: a msgpack bin, or a map from names to bins; in a step also to {rows, data}, both of them bins'
    return refuse(`Expected ${field} to be ${expected}`)
  }
  if (keyword === 'additionalProperties') {
    const name = String(params.additionalProperty)
    const fields = Object.keys(properties)
    return refuse(
      `${name} is no field of ${field}; there are ${fields.join(', ')}`,
      `${instancePath}/${name}`,
    )
  }
  if (keyword === 'required') return refuse(`${params.missingProperty} is missing from ${field}`)
  const allowed = keyword === 'enum' ? `: ${(params.allowedValues as unknown[]).join(', ')}` : ''
  return refuse(
    description === undefined ? `${field} ${message}${allowed}` : `Expected ${field} to be ${description}`,
  )
}

function unforeseen(error: unknown, request: FastifyRequest): Problem {
  // The client hung up: nobody reads the answer, and nothing is wrong here.
  if (request.raw.aborted)
    return new Problem('request_timeout', 'The request broke off before it was all there')
  logOf(request).error(error)
  return new Problem(
    'internal_error',
    `The server made a mistake; its log tells more under request ${request.id}`,
  )
}
