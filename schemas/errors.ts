/**
 * Every error that the service can answer with: one table, from which the server takes the status, clients the
 * set worth retrying, and the protocol page its list.
 */
export const errors = {
  malformed_body: { status: 400, title: 'The body cannot be read' },
  malformed_chain: { status: 400, title: 'The chain expression cannot be read' },
  unauthenticated: { status: 401, title: 'There is no key, or none that is known' },
  forbidden: { status: 403, title: 'It is not for the one who asks' },
  quota_exceeded: { status: 403, title: 'The tenant has as much as it may have' },
  session_not_found: { status: 404, title: 'No such session' },
  chain_not_found: { status: 404, title: 'No such registered chain' },
  route_not_found: { status: 404, title: 'No such route' },
  method_not_allowed: { status: 405, title: 'The route does not take this method' },
  request_timeout: { status: 408, title: 'The request took too long to arrive' },
  spec_conflict: { status: 409, title: 'The session exists with another specification' },
  step_conflict: { status: 409, title: 'The step was taken with other content' },
  step_past: { status: 409, title: 'The step is over' },
  step_gap: { status: 409, title: 'The step is ahead of its turn' },
  precondition_failed: { status: 412, title: 'The session is not at the step that If-Match names' },
  body_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The media type is not one that the route takes' },
  invalid_request: { status: 422, title: 'The request is not valid' },
  unknown_transformation: { status: 422, title: 'No transformation of that name' },
  bad_option: { status: 422, title: 'An option is not one that the transformation takes' },
  schema_mismatch: { status: 422, title: 'The buffer does not fit the declared tensors' },
  missing_params: { status: 422, title: 'The chain needs parameters' },
  missing_value: { status: 422, title: 'The chain needs the loss' },
  rate_limited: { status: 429, title: 'The tenant asks for more than it may in a time' },
  overloaded: { status: 503, title: 'The server has more work than it can take' },
  step_open: { status: 503, title: 'The step waits for other workers' },
  store_unavailable: { status: 503, title: 'The store does not answer' },
  internal_error: { status: 500, title: 'The server made a mistake' },
  state_lost: { status: 500, title: 'Bytes of the session are missing from the store' },
} as const satisfies Record<string, { status: number; title: string }>

export type ErrorCode = keyof typeof errors

/** Worth sending again: 429, 503, and (not an answer at all) a broken connection. */
export const retryable = (status: number): boolean => status === 429 || status === 503

/**
 * A request that is refused, and why. `detail` says what was tried, what is, and what would be right;
 * `more` is what the code adds to the answer (`position`, `path`, `current_step`, `nearest` …).
 */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: ErrorCode
  readonly more: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, detail: string, more: Readonly<Record<string, unknown>> = {}) {
    super(detail)
    this.code = code
    this.more = more
  }
}
