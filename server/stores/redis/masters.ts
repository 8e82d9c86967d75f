import { Cluster, type Redis } from 'ioredis'
import type { Client } from './client.ts'

/** A node that holds keys, and the lowest of its slots, by which it is known: its address changes in a failover. */
export interface Master {
  readonly slot: number
  readonly node: Redis
}

const SLOTS = 16_384

/**
 * All nodes that hold keys, in order of their slots.
 * @throws Error where the master of some slots is not known, or not connected
 */
export const masters = (client: Client): readonly Master[] => {
  if (!(client instanceof Cluster)) return [{ slot: 0, node: client }]
  const connected = new Map(client.nodes('master').map((node) => [addressOf(node), node]))
  const found = new Map<string, Master>()
  for (let slot = 0; slot < SLOTS; slot++) {
    const address = client.slots[slot]?.[0] ?? ''
    if (found.has(address)) continue
    const node = connected.get(address)
    if (node === undefined) {
      // Nothing else would ask who it is now, where this is the first call after a failover.
      if (client.status === 'ready') client.refreshSlotsCache()
      throw new Error(`no connection to the master of slot ${slot}`)
    }
    found.set(address, { slot, node })
  }
  return [...found.values()]
}

export const addressOf = ({ options: { host, port } }: Redis): string => `${host}:${port}`
