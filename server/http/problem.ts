import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { type ErrorCode, errors, Problem, retryable } from '../../schemas/index.ts'
import { StateLost, StoreUnavailable } from '../stores/store.ts'

/** Answer a problem as RFC 9457 has it. */
export function replyProblem(response: FastifyReply, { code, message, more }: Problem): FastifyReply {
  const { status } = errors[code]
  const { retry_after, ...rest } = more
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
  if (error instanceof StoreUnavailable) return new Problem('store_unavailable', error.message)
  if (error instanceof StateLost) {
    request.log.error(error)
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
      return new Problem('malformed_body', error.message)
    case 'FST_ERR_VALIDATION':
      return invalid(error)
    default:
      return undefined
  }
}

function invalid({ validation, validationContext }: FastifyError): Problem {
  const [first] = validation ?? []
  if (first === undefined) return new Problem('invalid_request', 'The request is not valid')
  const { instancePath, keyword, message = 'is not valid', params } = first
  const extra =
    keyword === 'additionalProperties' ? `: ${params.additionalProperty} is not one of the fields` : ''
  const allowed = keyword === 'enum' ? `: ${(params.allowedValues as unknown[]).join(', ')}` : ''
  const path =
    keyword === 'additionalProperties' ? `${instancePath}/${params.additionalProperty}` : instancePath
  return new Problem(
    'invalid_request',
    `${validationContext ?? 'body'}${instancePath} ${message}${extra}${allowed}`,
    { path },
  )
}

function unforeseen(error: unknown, request: FastifyRequest): Problem {
  request.log.error(error)
  return new Problem(
    'internal_error',
    `The server made a mistake; its log tells more under request ${request.id}`,
  )
}
