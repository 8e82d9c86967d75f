import { createHash } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Page } from '../store.ts'
import type { Caller } from './caller.ts'
import { type Master, masters } from './masters.ts'

interface Shape {
  readonly before: string
  readonly after: string
}

/** Each round looks at up to so many keys, of which bodies may be the most. */
const COUNT = { least: 16, most: 4096 }
const ROUNDS = 16

const literal = (text: string): string => text.replace(/[\\*?[\]^-]/g, '\\$&')

/**
 * What tells a server from another, and from itself before it was started again: a cursor of SCAN is of one run only.
 * Nothing where INFO is forbidden.
 */
const markOf = async (node: Redis): Promise<string> => {
  const info = await node.info('server').catch((error: Error) => {
    if (/^(NOPERM|ERR)/.test(error.message)) return ''
    throw error
  })
  const run = /^run_id:(\w+)/m.exec(info)?.[1] ?? ''
  return createHash('sha1').update(run).digest('hex').slice(0, 8)
}

/** `<lowest slot of the master>.<mark of its run>.<its cursor>` */
const parse = (cursor = ''): { readonly slot: number; readonly mark?: string; readonly at: string } => {
  const [, slot = '0', mark, at = '0'] = /^(\d{1,5})(?:\.([0-9a-f]{8})\.(\d{1,20}))?$/.exec(cursor) ?? []
  return { slot: Number(slot), ...(mark !== undefined && { mark }), at }
}

/** The master that a cursor leads to: where slots have moved since, one rather twice than not at all. */
const placeOf = (nodes: readonly Master[], slot: number): number =>
  nodes.findLastIndex((node) => node.slot <= slot)

/** Go over the keys of a shape on all masters, one after the other, in order of their slots. */
export const scan = async (
  caller: Caller,
  shape: Shape,
  prefix: string,
  limit: number,
  cursor?: string,
): Promise<Page> => {
  const what = 'list keys'
  const pattern = `${literal(shape.before + prefix)}*${literal(shape.after)}`
  const nodes = await caller.bounded(what, '', async () => masters(caller.client))
  const given = parse(cursor)
  const index = placeOf(nodes, given.slot)
  const { slot, node } = nodes[index] ?? { slot: 0, node: undefined }
  if (node === undefined) return { keys: [] }
  const mark = await caller.bounded(what, '', () => markOf(node))

  const keys = new Set<string>()
  // Another server than the one that gave the cursor: gone over from its start.
  let place = slot === given.slot && mark === given.mark ? given.at : '0'
  let count = Math.min(Math.max(limit, COUNT.least), COUNT.most)
  for (let round = 0; round < ROUNDS && keys.size < limit; round++) {
    const at = place
    const [next, found] = await caller.bounded(what, '', () =>
      node.scan(at, 'MATCH', pattern, 'COUNT', count),
    )
    for (const key of found) keys.add(key.slice(shape.before.length, key.length - shape.after.length))
    place = next
    if (next === '0') {
      const following = nodes[index + 1]
      return { keys: [...keys], ...(following && { cursor: String(following.slot) }) }
    }
    count = Math.min(count * 2, COUNT.most)
  }
  return { keys: [...keys], cursor: `${slot}.${mark}.${place}` }
}
