import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
// Of each small step some bytes grow old. So the engine would go through all that is alive each time that a tenth of it, and
// some MiB, were added: each time with threads that keep the two cores from steps for 20 to 60 ms. This way, for the whole
// process, it does so where as much was added: where 1 MiB a second grew old, every 35 s in place of 5.
setFlagsFromString('--heap-growing-percent=100')
const collect = runInNewContext('gc') as (options?: { readonly type: 'minor' }) => void

type Transfer = (this: ArrayBufferLike, length: number) => ArrayBuffer

/** Part of the language since 2024, and of Node.js 20 where it is asked for. */
function transferring(): Transfer | undefined {
  const { transfer } = ArrayBuffer.prototype as { readonly transfer?: Transfer }
  if (transfer !== undefined) return transfer
  setFlagsFromString('--harmony-rab-gsab-transfer')
  return runInNewContext('ArrayBuffer.prototype.transfer') as Transfer | undefined
}

const transfer = transferring()

/** Bytes of buffers that were used and dropped since garbage was last looked for, and how much of that is garbage. */
let [dropped, garbage] = [0, 0]
/** Below this the engine of JavaScript looks for garbage in time by itself. */
const most = 2 ** 22

/** Milliseconds after the last large body, in which another may come. */
const quiet = 10_000
let rest: NodeJS.Timeout | undefined
let settled = 0

/** Take its memory from a buffer that nobody else has a part of, if that can be. */
export function detach({ buffer, length }: Pick<Uint8Array, 'buffer' | 'length'>): boolean {
  if (length !== buffer.byteLength || transfer === undefined) return false
  transfer.call(buffer, 0)
  return true
}

/**
 * Let go of a buffer that is not needed any more. The engine of JavaScript counts them as memory that is taken, and after
 * 64 MiB of it goes through all that there is in the heap, again and again while a large body comes, and with threads that
 * compute steps meanwhile. So one that is `ours` alone, none of whose memory anybody looks at again, is given back at once:
 * 64 KiB are received in a place that is still in the processor's cache then, for 3 µs in place of 60. The others are
 * garbage a moment later: to look among what is young finds them all in a millisecond.
 */
export function drop({ buffer, length }: Uint8Array, ours: boolean): void {
  dropped += length
  if (!ours || !detach({ buffer, length })) garbage += length
  if (dropped < most) return
  if (garbage > 0) collect({ type: 'minor' })
  dropped = 0
  garbage = 0
  settled = 0
  rest ??= setTimeout(settle, quiet).unref()
  rest.refresh()
}

/**
 * What grew old meanwhile would stay for as long as nothing more comes. And again: the room for what is young gets small
 * where it is looked through after a time in which little was made.
 */
function settle(): void {
  collect({ type: 'minor' })
  collect()
  settled++
  if (settled < 2) rest?.refresh()
}
