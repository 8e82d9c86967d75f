import { detach } from './garbage.ts'

/** Bytes from which on it matters. */
const large = 2 ** 20
/** What nobody took for so many milliseconds goes, by twice as many. */
const quiet = 10_000

interface Spare {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Whether it has been there for a whole round of `quiet`. */
  readonly old: boolean
}

/** Those given last are the last. */
const spare: Spare[] = []
let ages = false

/**
 * Memory to write all of, as it was left by whoever gave it back. New memory costs a fault for each of its pages, 1 ms a MiB
 * or five times what it takes to copy so much; and what nobody gives back stays until garbage is looked for.
 */
export function take(length: number): Uint8Array<ArrayBuffer> {
  if (length < large) return new Uint8Array(length)
  const at = spare.findLastIndex(({ bytes }) => bytes.length === length)
  const [found] = at < 0 ? [] : spare.splice(at, 1)
  if (found !== undefined) return found.bytes
  // There is never more of it than was in use at a time.
  for (let freed = 0; freed < length; ) {
    const oldest = spare.shift()
    if (oldest === undefined) break
    freed += oldest.bytes.length
    detach(oldest.bytes)
  }
  return new Uint8Array(length)
}

/** What was taken, once nobody looks at it any more. */
export function give(bytes: Uint8Array<ArrayBuffer>): void {
  if (bytes.length < large) return
  spare.push({ bytes, old: false })
  if (!ages) setTimeout(age, quiet).unref()
  ages = true
}

function age(): void {
  for (const one of spare.splice(0)) {
    if (one.old) detach(one.bytes)
    else spare.push({ ...one, old: true })
  }
  ages = spare.length > 0
  if (ages) setTimeout(age, quiet).unref()
}
