import type { NewEntry, NewSnapshot } from '../store.ts'
import type { Sent } from './bodies.ts'

/** What `append.lua` is told of an entry: what each has, as text, and what few have. */
export const entryCall = (entry: NewEntry, sent: Sent | undefined): readonly [string, string] => {
  const { incarnation, id, after = '-', atMost = '-', advance } = entry
  const advances = advance === undefined ? 0 : 1
  const shared = sharing(entry)
  return [
    `${incarnation} ${id} ${after} ${atMost} ${advances} ${advance?.digest ?? ''}`,
    shared === undefined && sent === undefined ? '' : JSON.stringify({ ...shared, ...sent }),
  ]
}

/** How an entry is one of several, or none. */
const sharing = ({ round, once, restores }: NewEntry): object | undefined => {
  if (restores !== undefined) return { restore: restores }
  if (once !== undefined) return { once: once.member, number: once.seq, most: once.most }
  if (round === undefined) return undefined
  return 'member' in round ? { join: round.member, full: round.full } : { close: round.least, age: round.age }
}

/** What `putsnapshot.lua` is told of a snapshot whose body is in the store by that name. */
export const snapshotCall = (
  { incarnation, seq, id }: NewSnapshot,
  name: string,
  sent: Sent | undefined,
): string => JSON.stringify({ incarnation, name, seq, id, ...sent })
