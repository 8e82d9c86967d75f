import type { Appended, Head, NewEntry, StoredSession } from '../store.ts'
import type { Reply } from './caller.ts'

export const list = (reply: Reply | undefined): readonly Reply[] => (Array.isArray(reply) ? reply : [])
export const text = (reply: Reply | string | undefined): string => String(reply ?? '')
export const number = (reply: Reply | undefined): number => Number(text(reply))
/** Of a reference `<name>:<parts>` to a body. */
export const nameOf = (reference: Reply | string | undefined): string => text(reference).split(':')[0] ?? ''

/** A position: `seq, id, step, digest, members, age` */
const headOf = ([seq, id, step, digest, members, age]: readonly Reply[]): Head => ({
  seq: number(seq),
  id: text(id),
  step: number(step),
  digest: text(digest),
  ...(text(members) === '' ? {} : { round: { members: number(members), age: number(age) } }),
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

/** What `append.lua` answers; undefined where the body was not there as a whole. */
export const appendedOf = ([status, ...rest]: readonly Reply[]): Appended | undefined => {
  switch (text(status)) {
    case 'appended':
      return { status: 'appended', previous: text(rest[0]), head: headOf(rest.slice(1)) }
    case 'refused': {
      const known = { seq: number(rest[0]), digest: text(rest[1]) }
      return { status: 'refused', head: headOf(rest.slice(2)), ...(text(rest[0]) === '' ? {} : { known }) }
    }
    case 'crowded':
      return { status: 'crowded', head: headOf(rest) }
    case 'missing':
      return { status: 'missing' }
    default:
      return undefined
  }
}

/** The arguments of `append.lua` that say how an entry is one of several, or none. */
export const sharingOf = ({ atMost, round, once, restores }: NewEntry): readonly (string | number)[] => {
  if (restores !== undefined) return [atMost ?? '', 'restore', '', restores, '']
  if (once !== undefined) return [atMost ?? '', 'once', once.member, once.seq, once.most]
  if (round === undefined) return [atMost ?? '', '', '', '', '']
  const rest = 'member' in round ? ['join', round.member, round.full] : ['close', round.least, round.age]
  return [atMost ?? '', ...rest, '']
}
