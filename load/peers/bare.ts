import { Peer as Server } from '../bench/peers/peer.ts'
import type { Peer } from './peer.ts'

/** Parameters up to which they take bodies. */
export const bareMost = 2 ** 15

/**
 * A route of Fastify as one writes it by default, that only decodes and encodes what a step has. With Redis it sets the
 * gradients there in between.
 */
export async function startBare(redis?: string): Promise<Peer> {
  const server = await (redis === undefined ? Server.start('bare') : Server.start('kept', redis))
  return { port: server.port, open: async () => '/', stop: () => server.stop() }
}
