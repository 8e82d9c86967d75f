import { ConnectionError, StepdError } from '../../index.ts'

/** What to tell when a training ends by an error. */
export interface Failure {
  readonly what: string
  readonly detail: string
  /** The chain with a mark below the place that the server complains of. */
  readonly place: string
  readonly hint: string
}

export function failureOf(error: unknown, chain: string): Failure {
  const none = { place: '', hint: '' }
  if (error instanceof StepdError) {
    const { code, status, detail, problem } = error
    const { position } = problem
    const place = typeof position === 'number' ? `${chain}\n${' '.repeat(position)}▲` : ''
    return { what: `The server refuses: ${code} (${status})`, detail, place, hint: hints[code] ?? '' }
  }
  if (error instanceof ConnectionError) {
    // A browser does not tell a page which of the two it is.
    const hint =
      'Either no server answers there, or it does not let pages of this origin in. ' +
      `Start it with STEPD_CORS_ORIGINS=${location.origin}`
    return { ...none, what: 'No answer from the server', detail: error.message, hint }
  }
  const detail = error instanceof Error ? error.message : String(error)
  return { ...none, what: 'The training failed', detail }
}

const hints: Readonly<Record<string, string>> = {
  unauthenticated: 'Enter an API key of this server beside its address.',
}
