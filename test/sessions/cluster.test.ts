import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { TestApp } from '../app.ts'
import { type RedisCluster, startCluster } from '../cluster.ts'
import { ask, type RedisServer } from '../redis.ts'
import { Trainer } from './trainer.ts'

/** Where a session is: its slot, and the number of the master that has it. */
const placeOf = async (cluster: RedisCluster, id: string) => {
  const [any] = cluster.masters
  assert.ok(any)
  const slot = Number(await ask(any, 'CLUSTER', 'KEYSLOT', `{stepd:public/${id}}:head`))
  return { slot, index: Math.floor(slot / Math.ceil(16_384 / 3)) }
}

const offsetOf = async (server: RedisServer) =>
  Number(/^master_repl_offset:(\d+)/m.exec(String(await ask(server, 'INFO', 'replication')))?.[1])

describe('sessions in a cluster', { concurrency: true, timeout: 60_000 }, () => {
  it('go on while their slot is moved to another master', async () => {
    const cluster = await startCluster()
    const app = await TestApp.start({ store: cluster.url })
    try {
      const trainer = await Trainer.open(app, 200)
      for (let i = 0; i < 8; i++) await trainer.step()
      const { slot, index } = await placeOf(cluster, 'run')
      const [from, to] = [cluster.masters[index], cluster.masters[(index + 1) % 3]]
      assert.ok(from && to)
      // Some keys are here and some there for a while, and requests come all along.
      let moving = true
      let during = 0
      const moved = cluster
        .move(slot, from, to, () => sleep(60))
        .finally(() => {
          moving = false
        })
      while (moving) {
        await trainer.send()
        during++
        await sleep(10)
      }
      await moved
      assert.ok(during > 0)
      for (let i = 0; i < 4; i++) await trainer.step()
      assert.ok(trainer.slowest < 7000, `an answer took ${trainer.slowest} ms`)
      assert.deepEqual(await ask(from, 'CLUSTER', 'COUNTKEYSINSLOT', slot), 0)
      // Another server finds all of it there.
      const other = await TestApp.start({ store: cluster.url })
      const again = await other.send('GET', trainer.path)
      assert.equal(again.body.step, trainer.next - 1)
      await other.close()
      assert.equal((await app.send('DELETE', trainer.path)).status, 204)
      assert.deepEqual(await cluster.keys(), [])
    } finally {
      await app.close()
      await cluster.stop()
    }
  })

  it('go on when their master dies and its replica takes over', async () => {
    const cluster = await startCluster({ replicas: true })
    const [app, waiting] = [
      await TestApp.start({ store: cluster.url }),
      await TestApp.start({ store: cluster.url, redisWait: 1 }),
    ]
    try {
      // One where the master stays, one where it dies, and one that has its steps confirmed by the replica.
      const trainers = [await Trainer.open(app, 30, 'a'), await Trainer.open(app, 30, 'b')]
      const confirmed = await Trainer.open(waiting, 30, 'c')
      for (let i = 0; i < 4; i++) for (const trainer of [...trainers, confirmed]) await trainer.step()
      const { index } = await placeOf(cluster, 'a')
      const [master, replica] = [cluster.masters[index], cluster.replicas[index]]
      assert.ok(master && replica)
      while ((await offsetOf(replica)) < (await offsetOf(master))) await sleep(10)
      await master.kill()
      for (let i = 0; i < 10; i++) await Promise.all(trainers.map((trainer) => trainer.step()))
      for (const trainer of trainers) {
        assert.equal((await app.send('GET', trainer.path)).body.step, 14)
        assert.ok(trainer.slowest < 7000, `an answer took ${trainer.slowest} ms`)
      }
      assert.match(String(await ask(replica, 'ROLE')), /^master/)
      // Also a list finds the one that has taken over.
      const listed: string[] = []
      for (let cursor = ''; ; ) {
        const { body } = await app.send('GET', `/v1/sessions?limit=10${cursor}`)
        listed.push(...body.sessions.map(({ id }: { id: string }) => id))
        if (body.cursor === undefined) break
        cursor = `&cursor=${body.cursor}`
      }
      assert.deepEqual([...new Set(listed)].sort(), ['a', 'b', 'c'])
    } finally {
      await app.close()
      await waiting.close()
      await cluster.stop()
    }
  })
})
