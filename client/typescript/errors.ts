import type { ErrorCode } from './vocabulary.ts'

/** A code of the protocol's table, or one that a later server adds. */
type Code = ErrorCode | (string & {})

/** The body of a refusal (RFC 9457), with what its code adds: `current_step`, `path`, `position`, … */
export interface Problem {
  readonly status: number
  readonly code: Code
  readonly detail: string
  readonly title?: string
  readonly type?: string
  readonly [more: string]: unknown
}

/** The server refused. `code` is of the protocol's table; `unknown` where something else than stepd answered. */
export class StepdError extends Error {
  override readonly name = 'StepdError'
  readonly status: number
  readonly code: Code
  readonly detail: string
  readonly problem: Problem
  /** What `Retry-After` asked for, in milliseconds. */
  readonly retryAfterMs: number

  constructor(problem: Problem, retryAfterMs = 0) {
    super(`${problem.code} (${problem.status}): ${problem.detail}`)
    this.status = problem.status
    this.code = problem.code
    this.detail = problem.detail
    this.problem = problem
    this.retryAfterMs = retryAfterMs
  }
}

/** No whole answer arrived: the connection was refused, broke or timed out. The request may have been taken. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'
}

/** Only 429, 503 and a broken connection are worth sending again. */
export const worthRetrying = (error: unknown): boolean =>
  error instanceof ConnectionError ||
  (error instanceof StepdError && (error.status === 429 || error.status === 503))
