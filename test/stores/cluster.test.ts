import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openStore } from '../../server/stores/index.ts'
import { type Store, StoreUnavailable } from '../../server/stores/store.ts'
import { type RedisCluster, startCluster } from '../cluster.ts'
import { ask } from '../redis.ts'
import { newId, readPages } from './conformance/fixture.ts'
import { conformance } from './conformance.ts'
import { stayingOf } from './setup.ts'

conformance('redis cluster', async () => {
  const cluster = await startCluster()
  const kept = async () => (await Promise.all(cluster.masters.map(stayingOf))).flat()
  return { open: () => openStore(cluster.url), kept, shared: true, remove: cluster.stop }
})

describe('store: redis cluster, its masters', () => {
  let cluster: RedisCluster
  let store: Store

  before(async () => {
    cluster = await startCluster()
    store = await openStore(cluster.url)
  })
  after(async () => {
    await store.close()
    await cluster.stop()
  })

  it('are all gone over in lists, whose cursors do not say where they are', async () => {
    const keys = Array.from({ length: 600 }, (_, i) => `list/${String(i).padStart(3, '0')}`)
    for (const key of keys)
      await store.create(key, { incarnation: newId(), record: new Uint8Array(0), ttl: 60_000 })
    const held = cluster.masters.map(async (master) => Number(await ask(master, 'DBSIZE')))
    assert.ok((await Promise.all(held)).every((count) => count > 0))
    const cursors: string[] = []
    const page = async (cursor?: string) => {
      const read = await store.list('list/', 5, cursor)
      if (read.cursor !== undefined) cursors.push(read.cursor)
      return read
    }
    assert.deepEqual(await readPages(page), keys)
    assert.ok(cursors.length > 3)
    for (const cursor of cursors) {
      // The lowest slot of a master, the mark of its run, its own cursor: no address, no port.
      const [, slot = ''] = /^(\d+)(?:\.[0-9a-f]{8}\.\d+)?$/.exec(cursor) ?? []
      assert.ok(slot !== '' && Number(slot) % Math.ceil(16_384 / 3) === 0, cursor)
    }
    // Of another run of the server: what was gone over comes again, nothing is left out.
    const [first = ''] = cursors
    const foreign = first.replace(/\.[0-9a-f]{8}\./, '.00000000.')
    assert.notEqual(foreign, first)
    assert.deepEqual(await readPages((cursor) => store.list('list/', 5, cursor ?? foreign)), keys)
  })

  it('must not evict, any of them', async () => {
    const last = cluster.masters[2]
    assert.ok(last)
    await ask(last, 'CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    await assert.rejects(
      openStore(cluster.url),
      new RegExp(`127\\.0\\.0\\.1:${last.port}: maxmemory-policy is allkeys-lru, expected noeviction`),
    )
    await ask(last, 'CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    await (await openStore(cluster.url)).close()
  })

  it('that cannot be reached are StoreUnavailable in bounded time', { timeout: 60_000 }, async () => {
    await store.ping()
    for (const { pid } of cluster.masters) process.kill(pid, 'SIGSTOP')
    const start = performance.now()
    const calls = [() => store.get('a'), () => store.list('', 10), () => store.getValue('v')]
    await Promise.all(calls.map((call) => assert.rejects(call(), StoreUnavailable)))
    assert.ok(performance.now() - start < 6000)
    for (const { pid } of cluster.masters) process.kill(pid, 'SIGCONT')
    // It goes on by itself, each kind of call in its own time.
    const resumed = async (call: () => Promise<unknown>) => {
      const deadline = Date.now() + 20_000
      while (
        await call().then(
          () => false,
          () => true,
        )
      ) {
        assert.ok(Date.now() < deadline)
        await sleep(50)
      }
    }
    await Promise.all(calls.map(resumed))
    assert.ok((await store.list('list/', 1000)).keys.length > 0)
  })
})
