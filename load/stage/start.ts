import { ServerProcess } from '../../test/process.ts'
import { ask, freePort, type RedisServer, startRedis } from '../../test/redis.ts'
import { startReplicated } from '../../test/replicated.ts'
import { Target } from '../target.ts'
import { startNginx } from './nginx.ts'
import type { Stage } from './stage.ts'

/** Servers that run. One that ends from outside, in the middle of a scenario, leaves none behind. */
const servers = new Set<ServerProcess>()
process.once('exit', () => {
  for (const server of servers) server.signal('SIGKILL')
})

async function startServer(env: Record<string, string>): Promise<ServerProcess> {
  const server = await ServerProcess.start(env)
  servers.add(server)
  return server
}

/** What a scenario wants to have around it. */
export type StageKind = 'one server' | 'two servers behind a proxy' | 'one server, Redis with sentinels'

/** Something that was started and must be ended. */
type Keep = <T extends { readonly stop: () => Promise<unknown> }>(started: Promise<T>) => Promise<T>

/** Start all that belongs to it; what was started is ended in turn, also where something else did not start. */
export async function startStage(kind: StageKind): Promise<Stage> {
  const running: { readonly stop: () => Promise<unknown> }[] = []
  const keep: Keep = async (starting) => {
    const started = await starting
    running.push(started)
    return started
  }
  const stop = async () => {
    for (const each of running.reverse()) await each.stop()
  }
  try {
    return { ...(await stages[kind](keep)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** A server that is there already. */
export const remoteStage = (url: string, key: string | undefined): Stage => ({
  target: new Target(url, key),
  about: url,
  redisBytes: async () => undefined,
  faults: {},
  stop: async () => undefined,
})

const stages: Readonly<Record<StageKind, (keep: Keep) => Promise<Omit<Stage, 'stop'>>>> = {
  async 'one server'(keep) {
    const redis = await keep(startRedis())
    const env = { STEPD_STORE: redis.url, STEPD_PORT: String(await freePort()) }
    let server = await keep(startServer(env))
    return {
      target: new Target(server.url),
      about: 'One server, Redis without persistence',
      redisBytes: () => usedBy(redis),
      faults: {
        async restart() {
          await server.stop('SIGKILL')
          server = await keep(startServer(env))
        },
      },
    }
  },

  async 'two servers behind a proxy'(keep) {
    const redis = await keep(startRedis())
    const start = () => keep(startServer({ STEPD_STORE: redis.url }))
    const [first, second] = await Promise.all([start(), start()])
    const proxy = await keep(startNginx([first, second].map(({ url }) => Number(new URL(url).port))))
    return {
      target: new Target(proxy.url),
      about: `Two servers on one Redis behind nginx ${proxy.version}, which hashes sessions consistently`,
      redisBytes: () => usedBy(redis),
      faults: {
        async server() {
          await first.stop('SIGKILL')
        },
      },
    }
  },

  async 'one server, Redis with sentinels'(keep) {
    const redis = await keep(startReplicated(2))
    const server = await keep(startServer({ STEPD_STORE: redis.url, STEPD_REDIS_WAIT: '1' }))
    return {
      target: new Target(server.url),
      about: 'One server; Redis with two replicas, three sentinels, STEPD_REDIS_WAIT=1',
      redisBytes: () => usedBy(redis.master),
      faults: { master: redis.master.kill },
    }
  },
}

async function usedBy(redis: RedisServer): Promise<number | undefined> {
  try {
    const text = String(await ask(redis, 'INFO', 'memory'))
    return Number(/used_memory:(\d+)/.exec(text)?.[1])
  } catch {
    // One that was killed, as the scenario may want it.
    return undefined
  }
}
