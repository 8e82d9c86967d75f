import type { Redis } from 'ioredis'
import type { Page } from '../store.ts'
import type { Caller } from './caller.ts'
import { masters } from './client.ts'

interface Shape {
  readonly before: string
  readonly after: string
}

/** Each round looks at up to so many keys, of which bodies may be the most. */
const COUNT = { least: 16, most: 4096 }
const ROUNDS = 16

const literal = (text: string): string => text.replace(/[\\*?[\]^-]/g, '\\$&')
const addressOf = ({ options: { host, port } }: Redis): string => `${host}:${port}`

/** Go over the keys of a shape on all masters, one after the other. The cursor is `<address of the master>|<its cursor>`. */
export const scan = async (
  caller: Caller,
  { before, after }: Shape,
  prefix: string,
  limit: number,
  cursor?: string,
): Promise<Page> => {
  const pattern = `${literal(before + prefix)}*${literal(after)}`
  const nodes = masters(caller.client).toSorted((a, b) => (addressOf(a) < addressOf(b) ? -1 : 1))
  const [address = '', at = '0'] = cursor?.split('|') ?? []
  const rest = nodes.filter((node) => addressOf(node) >= address)
  const [node] = rest
  if (node === undefined) return { keys: [] }

  const keys = new Set<string>()
  // A master that has gone leaves its cursor to none: the next is gone over from its start.
  let place = addressOf(node) === address ? at : '0'
  let count = Math.min(Math.max(limit, COUNT.least), COUNT.most)
  for (let round = 0; round < ROUNDS && keys.size < limit; round++) {
    const scanned = node.scan(place, 'MATCH', pattern, 'COUNT', count)
    const [next, found] = await caller.bounded('list keys', scanned)
    for (const key of found) keys.add(key.slice(before.length, key.length - after.length))
    place = next
    if (next === '0') {
      const following = rest[1]
      return { keys: [...keys], ...(following && { cursor: `${addressOf(following)}|0` }) }
    }
    count = Math.min(count * 2, COUNT.most)
  }
  return { keys: [...keys], cursor: `${addressOf(node)}|${place}` }
}
