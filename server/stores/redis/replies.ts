import type { Head, StoredSession } from '../store.ts'
import type { Reply } from './caller.ts'

export const list = (reply: Reply | undefined): readonly Reply[] => (Array.isArray(reply) ? reply : [])
export const text = (reply: Reply | string | undefined): string => String(reply ?? '')
export const number = (reply: Reply | undefined): number => Number(text(reply))
/** Of a reference `<name>:<parts>` to a body. */
export const nameOf = (reference: Reply | string | undefined): string => text(reference).split(':')[0] ?? ''

/** `seq, id, step, digest` */
export const headOf = ([seq, id, step, digest]: readonly Reply[]): Head => ({
  seq: number(seq),
  id: text(id),
  step: number(step),
  digest: text(digest),
})

/** `incarnation, record, seq, id, step, digest, created, ttl, expires` */
export const sessionOf = ([incarnation, record, ...rest]: readonly Reply[]): StoredSession => ({
  incarnation: text(incarnation),
  record: record instanceof Buffer ? new Uint8Array(record) : new Uint8Array(0),
  head: headOf(rest),
  created: number(rest[4]),
  ttl: number(rest[5]),
  expires: number(rest[6]),
})
