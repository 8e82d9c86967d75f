const tick = 100
let seen = 0
let last = performance.now()
setInterval(() => {
  const now = performance.now()
  seen += Math.min(now - last, 2 * tick)
  last = now
}, tick).unref()

/** Milliseconds by a clock that stands still while this process does not run: all that it watches may have been stopped. */
export const seenTime = (): number => seen
