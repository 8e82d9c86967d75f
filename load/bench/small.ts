import { startRedis } from '../../test/redis.ts'
import { Peer } from './peers/peer.ts'
import { rateOf, Wire } from './peers/wire.ts'
import { Service } from './service.ts'

export const chain = 'adam(1e-3)'
export const small = 1024
export const connections = 16
/** Milliseconds of requests before any are counted: V8 still compiles a server of ours for ten thousand of them. */
export const warm = 8000

/** A server, and connections to it that each send their request again and again. */
export interface SmallServer {
  readonly name: 'bare' | 'memory' | 'redis'
  readonly wires: readonly Wire[]
  readonly stop: () => Promise<void>
}

/** Servers of small steps, and a route that only decodes and encodes the same bytes: all of them warm. */
export async function smallServers(): Promise<readonly SmallServer[]> {
  const redis = await startRedis()
  const peer = await Peer.start('bare')
  const [memory, onRedis] = [await Service.start('memory:'), await Service.start(redis.url)]
  const body = memory.stepBody(small)
  const ofSessions = async (service: Service): Promise<Wire[]> => {
    const wires: Wire[] = []
    for (let k = 0; k < connections; k++) {
      await service.open(`small-${k}`, chain, small)
      wires.push(new Wire(service.port, `/v1/sessions/small-${k}/steps`, body))
    }
    return wires
  }
  const bare = Array.from({ length: connections }, () => new Wire(peer.port, '/', body))
  const ended = (wires: readonly Wire[], stop: () => Promise<void>) => async () => {
    for (const wire of wires) wire.close()
    await stop()
  }
  const [inMemory, inRedis] = [await ofSessions(memory), await ofSessions(onRedis)]
  const stopRedis = async () => {
    await onRedis.stop()
    await redis.stop()
  }
  for (const wires of [bare, inMemory, inRedis]) await rateOf(wires, warm)
  return [
    { name: 'bare', wires: bare, stop: ended(bare, () => peer.stop()) },
    { name: 'memory', wires: inMemory, stop: ended(inMemory, () => memory.stop()) },
    { name: 'redis', wires: inRedis, stop: ended(inRedis, stopRedis) },
  ]
}
