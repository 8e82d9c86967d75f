import { Peer as Server } from '../bench/peers/peer.ts'
import type { Peer } from './peer.ts'

/** Parameters up to which they take bodies. */
export const bareMost = 2 ** 15

/**
 * A route of Fastify that only decodes and encodes what a step has: no server with Fastify is faster. With Redis it sets the
 * gradients there in between: nor is any that is to keep what it answered.
 */
export async function startBare(redis?: string): Promise<Peer> {
  const server = await (redis === undefined ? Server.start('bare') : Server.start('kept', redis))
  return { port: server.port, open: async () => '/', stop: () => server.stop() }
}
