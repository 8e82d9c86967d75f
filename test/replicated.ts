import { setTimeout as sleep } from 'node:timers/promises'
import { ask, type RedisServer, startRedis, startSentinel } from './redis.ts'

export interface Replicated {
  readonly master: RedisServer
  readonly replicas: readonly RedisServer[]
  readonly url: string
  readonly stop: () => Promise<void>
}

/** Replicas are there within a second, not after five. */
const settings = { 'repl-diskless-sync-delay': '0', 'repl-ping-replica-period': '1' }
const name = 'steps'

/** A master with replicas, and three sentinels that agree by two and take it for dead after 500 ms. */
export async function startReplicated(count: number): Promise<Replicated> {
  const master = await startRedis(settings)
  const replicas = await Promise.all(Array.from({ length: count }, () => startRedis(settings)))
  for (const replica of replicas) await ask(replica, 'REPLICAOF', '127.0.0.1', master.port)
  for (const replica of replicas)
    await until('replicas follow', async () =>
      /master_link_status:up/.test(String(await ask(replica, 'INFO', 'replication'))),
    )
  const sentinels = await Promise.all([1, 2, 3].map(() => startSentinel(name, master.port, 2)))
  // They learn of the replicas, and of each other, from the master.
  for (const sentinel of sentinels)
    await until('sentinels know all', async () => {
      const reply = (await ask(sentinel, 'SENTINEL', 'MASTER', name)) as string[]
      const of = (field: string) => Number(reply[reply.indexOf(field) + 1])
      return of('num-slaves') === count && of('num-other-sentinels') === 2
    })
  return {
    master,
    replicas,
    url: `redis-sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/${name}/0`,
    async stop() {
      await Promise.all([...sentinels, master, ...replicas].map((server) => server.stop()))
    },
  }
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`After 30 s still not: ${what}`)
    await sleep(50)
  }
}
