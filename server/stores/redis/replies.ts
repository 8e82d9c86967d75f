import type { Appended, Head, StoredSession } from '../store.ts'
import type { Reply } from './caller.ts'

export const list = (reply: Reply | undefined): readonly Reply[] => (Array.isArray(reply) ? reply : [])
export const text = (reply: Reply | string | undefined): string => String(reply ?? '')
export const number = (reply: Reply | undefined): number => Number(text(reply))

/** Where an entry is: its name is its id. */
export const entryAt = (reference: Reply | string) => {
  const [name = '', parts, seq, step, previous = ''] = text(reference).split(':')
  return { name, parts: Number(parts), seq: Number(seq), step: Number(step), previous }
}

/** Where a snapshot is: its own reference ends with the id of the entry, the others are of entries that restored. */
export const snapshotAt = (reference: string) => {
  const [name = '', parts, seq, id = '', ...rest] = reference.split(':')
  return { name, parts: Number(parts), seq: Number(seq), id: rest.length === 0 ? id : name }
}

/** A position: `seq, id, step, digest, members, age` */
const headOf = ([seq, id, step, digest, members, age]: readonly Reply[]): Head => ({
  seq: number(seq),
  id: text(id),
  step: number(step),
  digest: text(digest),
  ...(members === null ? {} : { round: { members: number(members), age: number(age) } }),
})

/** `incarnation, record, created, ttl, expires, position` */
export const sessionOf = ([
  incarnation,
  record,
  created,
  ttl,
  expires,
  ...position
]: readonly Reply[]): StoredSession => ({
  incarnation: text(incarnation),
  record: record instanceof Buffer ? new Uint8Array(record) : new Uint8Array(0),
  head: headOf(position),
  created: number(created),
  ttl: number(ttl),
  expires: number(expires),
})

/** The head as it is after what was put or appended: empty where that was before. */
export const headIn = (reply: Reply): string => text(list(reply)[1])

/** What `append.lua` answers; undefined where the body was not there as a whole. */
export const appendedOf = ([status, ...rest]: readonly Reply[]): Appended | undefined => {
  switch (text(status)) {
    case 'appended':
      return { status: 'appended', previous: text(rest[1]), head: headOf(rest.slice(2)) }
    case 'refused': {
      const known = { seq: number(rest[0]), digest: text(rest[1]) }
      return { status: 'refused', head: headOf(rest.slice(2)), ...(rest[0] === null ? {} : { known }) }
    }
    case 'crowded':
      return { status: 'crowded', head: headOf(rest) }
    case 'missing':
      return { status: 'missing' }
    default:
      return undefined
  }
}
