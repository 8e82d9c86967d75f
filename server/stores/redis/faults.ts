import { StateLost, StoreUnavailable } from '../store.ts'

/** Replies that say what the server cannot do at this moment: the same call may be taken in the next. */
const momentary =
  /^(READONLY|LOADING|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|BUSY|UNBLOCKED|MOVED|ASK)\b|access a non local key/

/** Replies that say what it cannot do until someone sees to it; any other error reply is a mistake of ours. */
const lasting =
  /^(OOM|MISCONF|NOREPLICAS|UNKILLABLE|NOAUTH|WRONGPASS|NOPERM)\b|user executing the script|ACL failure in script/

const isReply = (error: unknown): error is Error => error instanceof Error && error.name === 'ReplyError'

/** Whether it is worth trying again at once. */
export const passes = (error: unknown): boolean =>
  isReply(error) ? momentary.test(error.message) : !(error instanceof StoreUnavailable)

/** A connection that is refused so will be refused again. */
export const isFinal = (error: Error | undefined): boolean =>
  error !== undefined && lasting.test(error.message)

/** What ioredis says of a connection that is not there, in words that are not about its options. */
export const reasonOf = (error: unknown): string => {
  const given = error instanceof Error ? error.message : String(error)
  if (/^(Reached the max retries|Command aborted|Connection is closed)/.test(given))
    return 'the connection broke'
  return /enableOfflineQueue options/.test(given) ? 'no connection' : given
}

/** The error to throw for one that a call ended in. */
export const explain = (
  what: string,
  place: string,
  error: unknown,
  unavailable: (reason: unknown) => StoreUnavailable,
): unknown => {
  if (!(error instanceof Error) || error instanceof StoreUnavailable) return error
  // A refused transaction does not say itself why it is.
  if (error.message.startsWith('EXECABORT') && 'previousErrors' in error) {
    return explain(what, place, [error.previousErrors].flat()[0], unavailable)
  }
  if (!isReply(error) || momentary.test(error.message) || lasting.test(error.message))
    return unavailable(error)
  const [code, rest = ''] = error.message.split(/ (.*)/s)
  if (code === 'LOST') return new StateLost(`Cannot ${what}: ${rest}`)
  if (code === 'FORMAT') {
    const [found, read] = rest.split(' ')
    return new Error(`Cannot ${what}: it is in storage format ${found}, this version reads format ${read}`)
  }
  return new Error(`Cannot ${what}: Redis at ${place} replied ${error.message}`, { cause: error })
}
