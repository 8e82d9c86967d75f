import { Packr } from 'msgpackr'
import type { NewEntry, NewSnapshot } from '../store.ts'
import type { Sent } from './bodies.ts'

const packr = new Packr({ useRecords: false, moreTypes: false })

/** What `append.lua` is told of an entry: what each has, as text, and what few have. */
export const entryCall = (entry: NewEntry, sent: Sent | undefined): readonly [string, Buffer | ''] => {
  const { incarnation, id, after = '-', atMost = '-', advance } = entry
  const advances = advance === undefined ? 0 : 1
  const shared = sharing(entry)
  return [
    `${incarnation} ${id} ${after} ${atMost} ${advances} ${advance?.digest ?? ''}`,
    shared === undefined && sent === undefined ? '' : packr.pack({ ...shared, ...sent }),
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
): Buffer => packr.pack({ incarnation, name, seq, id, ...sent })
