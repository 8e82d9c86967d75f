import { setTimeout as sleep } from 'node:timers/promises'
import { ask, freePort, type RedisServer, startRedis } from './redis.ts'

export interface RedisCluster {
  readonly url: string
  /** In order of their slots. */
  readonly masters: readonly RedisServer[]
  /** One a master, in the same order, where there are any. */
  readonly replicas: readonly RedisServer[]
  /** What the masters hold together. */
  readonly keys: () => Promise<string[]>
  /** Move a slot from one master to the other in the steps that `redis-cli --cluster reshard` takes, a key at a time. */
  readonly move: (
    slot: number,
    from: RedisServer,
    to: RedisServer,
    pause: () => Promise<void>,
  ) => Promise<void>
  readonly stop: () => Promise<void>
}

const SLOTS = 16_384

const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
  const deadline = Date.now() + 20_000
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`After 20 s still not: ${what}`)
    await sleep(50)
  }
}

const startNode = async (): Promise<{ readonly server: RedisServer; readonly bus: number }> => {
  const bus = await freePort()
  const server = await startRedis({
    'cluster-enabled': 'yes',
    'cluster-port': String(bus),
    'cluster-node-timeout': '1000',
    'cluster-replica-validity-factor': '0',
    'repl-diskless-sync-delay': '0',
    'repl-ping-replica-period': '1',
  })
  return { server, bus }
}

const idOf = async (server: RedisServer) => String(await ask(server, 'CLUSTER', 'MYID'))

/** Three masters on loopback, each with a replica where they are wanted. */
export const startCluster = async ({ replicas = false } = {}): Promise<RedisCluster> => {
  const nodes = await Promise.all(Array.from({ length: replicas ? 6 : 3 }, startNode))
  const servers = nodes.map(({ server }) => server)
  const masters = servers.slice(0, 3)
  const [first] = masters
  if (first === undefined) throw new Error('No node was started')
  const share = Math.ceil(SLOTS / 3)
  for (const [i, master] of masters.entries()) {
    const last = Math.min(SLOTS, (i + 1) * share) - 1
    await ask(master, 'CLUSTER', 'ADDSLOTSRANGE', i * share, last)
  }
  for (const { server, bus } of nodes.slice(1))
    await ask(first, 'CLUSTER', 'MEET', '127.0.0.1', server.port, bus)
  const knows = async (server: RedisServer, word: RegExp, count: number) =>
    (String(await ask(server, 'CLUSTER', 'NODES')).match(word)?.length ?? 0) === count
  for (const server of servers)
    await until('all nodes know each other', () => knows(server, / connected/g, servers.length))
  for (const [i, replica] of servers.slice(3).entries())
    await ask(replica, 'CLUSTER', 'REPLICATE', await idOf(masters[i] ?? first))
  for (const server of servers) {
    await until('the cluster is up', async () =>
      /cluster_state:ok/.test(String(await ask(server, 'CLUSTER', 'INFO'))),
    )
    await until('all replicas are known', () => knows(server, /slave/g, servers.length - 3))
  }
  for (const replica of servers.slice(3))
    await until('replicas follow', async () =>
      /master_link_status:up/.test(String(await ask(replica, 'INFO', 'replication'))),
    )
  const hosts = masters.map(({ port }) => `127.0.0.1:${port}`).join(',')
  return {
    url: `redis-cluster://${hosts}`,
    masters,
    replicas: servers.slice(3),
    keys: async () =>
      (await Promise.all(masters.map(async (master) => (await ask(master, 'KEYS', '*')) as string[]))).flat(),
    move: async (slot, from, to, pause) => {
      const [source, target] = [await idOf(from), await idOf(to)]
      await ask(to, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', source)
      await ask(from, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', target)
      for (;;) {
        await pause()
        const keys = (await ask(from, 'CLUSTER', 'GETKEYSINSLOT', slot, 100)) as string[]
        // Heads first, so that they are where the rest of their sessions is not yet.
        const key = keys.find((each) => each.endsWith(':head')) ?? keys[0]
        if (key === undefined) break
        await ask(from, 'MIGRATE', '127.0.0.1', to.port, '', 0, 5000, 'KEYS', key)
      }
      for (const server of [to, from, ...masters])
        await ask(server, 'CLUSTER', 'SETSLOT', slot, 'NODE', target)
    },
    stop: async () => {
      await Promise.all(servers.map((server) => server.stop()))
    },
  }
}
