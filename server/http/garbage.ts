import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Bytes of buffers that were used and dropped since garbage was last looked for. */
let dropped = 0
/** Below this the engine of JavaScript looks for garbage in time by itself. */
const most = 2 ** 22

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as (options?: { readonly type: 'minor' }) => void

/** Milliseconds after the last large body, in which another may come. */
const quiet = 10_000
let rest: NodeJS.Timeout | undefined

/**
 * Note that so many bytes of buffers are not needed any more, each after a moment. The engine of JavaScript counts them
 * as memory that is taken, and after 64 MiB of it goes through all that there is in the heap, again and again while a large
 * body comes, and with threads that compute steps meanwhile. To look among what is young finds them all in a millisecond.
 */
export function drop(bytes: number): void {
  dropped += bytes
  if (dropped < most) return
  dropped = 0
  collect({ type: 'minor' })
  // What grew old meanwhile, snapshots above all, would stay for as long as nothing more comes.
  rest ??= setTimeout(() => collect(), quiet).unref()
  rest.refresh()
}
