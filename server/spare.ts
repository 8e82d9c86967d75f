import { drop } from './garbage.ts'

/** Bytes from which on it matters. */
const large = 2 ** 20
/** Milliseconds for which what nobody uses is kept. */
const quiet = 10_000

/** Those used last are the last. */
const spare: Uint8Array<ArrayBuffer>[] = []
let rest: NodeJS.Timeout | undefined

/**
 * Memory to write all of, as it was left by whoever gave it back. New memory costs a fault for each of its pages, 1 ms a MiB
 * or five times what it takes to copy so much; and what nobody gives back stays until garbage is looked for.
 */
export function take(length: number): Uint8Array<ArrayBuffer> {
  if (length < large) return new Uint8Array(length)
  const at = spare.findLastIndex((bytes) => bytes.length === length)
  const [found] = at < 0 ? [] : spare.splice(at, 1)
  if (found !== undefined) return found
  // There is never more of it than was in use at a time.
  for (let freed = 0; freed < length; ) {
    const oldest = spare.shift()
    if (oldest === undefined) break
    freed += oldest.length
    drop(oldest, true)
  }
  return new Uint8Array(length)
}

/** What was taken, once nobody looks at it any more. */
export function give(bytes: Uint8Array<ArrayBuffer>): void {
  if (bytes.length < large) return
  spare.push(bytes)
  clearTimeout(rest)
  rest = setTimeout(empty, quiet).unref()
}

function empty(): void {
  for (const bytes of spare.splice(0)) drop(bytes, true)
}
