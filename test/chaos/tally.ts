/** What happened in a run. */
export interface Tally {
  /** Servers that were answering and got SIGKILL. */
  kills: number
  /** Redis was killed and started again from its file. */
  restarts: number
  /** Connections cut, of clients and of servers. */
  cuts: number
  /** Requests that were answered, otherwise than by 503. */
  answered: number
  /** Requests under way at a server that answered before, and never answered. */
  lost: number
  /** Answers 503. */
  refused: number
  /** Requests that were lost and that their retry showed to have been taken. */
  replayed: number
  /** From the first attempt to the answer, in milliseconds. */
  slowest: number
}

export const nothing = (): Tally => ({
  kills: 0,
  restarts: 0,
  cuts: 0,
  answered: 0,
  lost: 0,
  refused: 0,
  replayed: 0,
  slowest: 0,
})

export const told = (tally: Tally): string =>
  Object.entries(tally)
    .map(([name, n]) => (name === 'slowest' ? `slowest ${Math.round(n)} ms` : `${n} ${name}`))
    .join(', ')
