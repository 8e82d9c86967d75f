/** When the steps of each stream are due, in seconds since the beginning, in order and without end. */
export type Schedule = (stream: number) => Iterable<number>

/** So many a second of all streams together, each at its own even pace, one after the other. */
export const evenly = (streams: number, perSecond: number): Schedule =>
  function* (stream) {
    for (let k = 0; ; k++) yield ((stream + 0.5) / streams + k) * (streams / perSecond)
  }

export interface Bursts {
  /** Seconds from one to the next. */
  readonly every: number
  /** Steps that are due at once, of all streams together. */
  readonly steps: number
}

/** Evenly, and now and then many at once. */
export const inBursts = (streams: number, perSecond: number, { every, steps }: Bursts): Schedule => {
  const even = evenly(streams, perSecond)
  return function* (stream) {
    const share = Math.floor(steps / streams) + (stream < steps % streams ? 1 : 0)
    let burst = every
    for (const due of even(stream)) {
      for (; burst <= due; burst += every) for (let k = 0; k < share; k++) yield burst
      yield due
    }
  }
}

/** All workers of one session at the same time, sessions at an even pace. */
export const together = (sessions: number, workers: number, perSecond: number): Schedule => {
  const even = evenly(sessions, perSecond)
  return (stream) => even(Math.floor(stream / workers))
}
