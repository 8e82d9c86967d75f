import assert from 'node:assert/strict'
import { describe, it, mock } from 'node:test'
import { openStore } from '../../server/stores/index.ts'
import { CHUNK } from '../../server/stores/redis/bodies.ts'
import { Caller } from '../../server/stores/redis/caller.ts'
import type { Store } from '../../server/stores/store.ts'
import { checkLeftovers } from '../chaos/leftovers.ts'
import { ask, type RedisServer } from '../redis.ts'
import { entriesOf, snapshotOf } from './conformance/fixture.ts'
import { create, entry, keysOf, none, withRedis } from './setup.ts'

/** So many chunks, all of one byte. */
const chunks = (count: number, byte: number) => Buffer.alloc(count * CHUNK, byte)

/** Chunks that are there of bodies with these names, or of all. */
const left = async (server: RedisServer, ...names: readonly string[]) => {
  const client = server.client()
  let count = 0
  for (const key of await keysOf(server))
    if (key.includes(':b:') && names.some((name) => key.includes(name)))
      count += (await client.hkeys(key)).filter((field) => /^\d+$/.test(field)).length
  client.disconnect()
  return count
}

const until = async (holds: () => Promise<boolean>) => {
  const deadline = performance.now() + 5000
  while (!(await holds())) assert.ok(performance.now() < deadline, 'not within 5 s')
}

interface Stands {
  readonly server: RedisServer
  readonly store: Store
  readonly incarnation: string
  /** Two entries of three chunks each that the snapshot, of one chunk, has come to stand for; and one of one byte. */
  readonly old: readonly ReturnType<typeof entry>[]
  readonly names: readonly string[]
  readonly kept: () => Promise<void>
}

const withSnapshot = (run: (its: Stands) => Promise<void>) =>
  withRedis({}, async (server) => {
    const store = await openStore(server.url)
    const incarnation = await create(store)
    const old = [chunks(3, 1), chunks(3, 2), Buffer.of(3)].map((body) => entry(incarnation, body))
    for (const one of old) assert.equal((await store.append('a', one)).status, 'appended')
    const { id = '' } = old[2] ?? {}
    assert.ok(await store.putSnapshot('a', { incarnation, seq: 3, id, meta: none, body: [chunks(1, 4)] }))
    const kept = async () => {
      const client = server.client()
      await checkLeftovers(client, ['a'])
      client.disconnect()
      assert.ok(chunks(1, 4).equals((await snapshotOf(store, 'a'))?.body ?? none))
    }
    try {
      await run({ server, store, incarnation, old, names: old.map(({ id }) => id), kept })
    } finally {
      await store.close()
    }
  })

describe('store: redis, large bodies that a snapshot stands for', () => {
  it('go chunk by chunk as others are sent, the small ones at once', () =>
    withSnapshot(async ({ server, store, incarnation, names, kept }) => {
      const [first = '', , small = ''] = names
      assert.equal(await left(server, ...names), 6)
      assert.ok((await keysOf(server)).every((key) => !key.includes(small)))
      await store.append('a', entry(incarnation, Buffer.of(5)))
      assert.equal(await left(server, ...names), 6)
      await store.append('a', entry(incarnation, chunks(2, 6)))
      assert.equal(await left(server, ...names), 4)
      assert.equal(await left(server, first), 1)
      await kept()
      await store.append('a', entry(incarnation, chunks(4, 7)))
      await until(async () => !(await keysOf(server)).some((key) => names.some((name) => key.includes(name))))
      assert.equal(await ask(server, 'EXISTS', '{stepd:a}:old'), 0)
      await kept()
      const entries = await entriesOf(store, 'a', 3)
      assert.deepEqual(
        entries.map(({ body }) => [body[0], body.length]),
        [
          [5, 1],
          [6, 2 * CHUNK],
          [7, 4 * CHUNK],
        ],
      )
    }))

  it('are left from one snapshot to the next, and those without chunks go with that', () =>
    withSnapshot(async ({ server, store, incarnation, names, kept }) => {
      const next = entry(incarnation, chunks(4, 5))
      await store.append('a', next)
      assert.equal(await left(server, ...names), 2)
      const body = [chunks(1, 4)]
      assert.ok(await store.putSnapshot('a', { incarnation, seq: 4, id: next.id, meta: none, body }))
      const [first = '', second = ''] = names
      assert.equal(await left(server, second), 1)
      assert.ok(!(await keysOf(server)).some((key) => key.includes(first)))
      // One chunk of the second, four of that entry, and one of the snapshot before.
      await store.append('a', entry(incarnation, chunks(4, 6)))
      assert.equal(await left(server, second, next.id), 1)
      await kept()
    }))

  it('of which another server removes some are read and taken as before', () =>
    withSnapshot(async ({ server, store, incarnation, old, names }) => {
      const other = await openStore(server.url)
      const next = entry(incarnation, chunks(1, 5))
      await other.append('a', next)
      assert.equal(await left(server, ...names), 6)
      const body = [chunks(1, 6)]
      assert.ok(await other.putSnapshot('a', { incarnation, seq: 4, id: next.id, meta: none, body }))
      for (const one of [store, other]) await one.append('a', entry(incarnation, chunks(3, 7)))
      assert.ok(chunks(1, 6).equals((await snapshotOf(store, 'a'))?.body ?? none))
      assert.equal((await entriesOf(store, 'a', 4)).length, 2)
      // A client that did not hear of it sends again an entry that is half gone.
      const again = await store.append('a', old[0] ?? next)
      assert.equal(again.status === 'appended' && again.previous, incarnation)
      assert.equal((await store.get('a'))?.head.seq, 6)
      await other.close()
    }))

  it('expire where nobody removes them', () =>
    withSnapshot(async ({ server, store, names, kept }) => {
      await kept()
      await store.close()
      const client = server.client()
      await checkLeftovers(client, ['a'])
      const there = (await keysOf(server)).filter((key) => names.some((name) => key.includes(name)))
      assert.equal(there.length, 2)
      for (const key of there) {
        const ms = await client.pttl(key)
        assert.ok(ms > 0 && ms <= 120_000, `${key} has ${ms} ms left`)
      }
      client.disconnect()
    }))

  it('are no more than one generation, whoever sends and whoever makes snapshots', async () => {
    for (const sender of [() => 0, () => 1, (k: number) => k % 2, (k: number) => (k % 3) % 2])
      await withRedis({}, async (server) => {
        const stores = [await openStore(server.url), await openStore(server.url)] as const
        const incarnation = await create(stores[0])
        let sent = 0
        for (let cycle = 1; cycle <= 12; cycle++) {
          let id = ''
          for (let k = 0; k < 4; k++) {
            const next = entry(incarnation, chunks(1, k))
            await stores[sender(sent++) === 0 ? 0 : 1].append('a', next)
            id = next.id
          }
          // A snapshot of two chunks, by the first of them.
          const made = { incarnation, seq: 4 * cycle, id, meta: none, body: [chunks(2, 5)] }
          assert.ok(await stores[0].putSnapshot('a', made))
          // It, and at most as much as came in a cycle, and one body.
          const there = await left(server, ':')
          assert.ok(there <= 2 + 6 + 2, `${there} chunks after ${cycle} snapshots`)
        }
        for (const store of stores) await store.close()
      })
  })

  it('go after a minute in which nothing was sent', () => {
    mock.timers.enable({ apis: ['setTimeout'] })
    return withSnapshot(async ({ server, names }) => {
      mock.timers.tick(59_000)
      assert.equal(await left(server, ...names), 6)
      mock.timers.tick(1000)
      mock.timers.reset()
      await until(async () => (await left(server, ...names)) === 0)
    }).finally(() => mock.timers.reset())
  })

  it('go with the session', () =>
    withSnapshot(async ({ server, store }) => {
      await store.delete('a')
      assert.deepEqual(await keysOf(server), [])
    }))

  it('are many, and all go at once', () =>
    withSnapshot(async ({ server, store, incarnation, names }) => {
      const made = Array.from({ length: 70 }, () => entry(incarnation, Buffer.alloc(10)))
      for (const one of made) await store.append('a', one)
      const [last] = made.slice(-1)
      const body = [chunks(1, 5)]
      assert.ok(await store.putSnapshot('a', { incarnation, seq: 73, id: last?.id ?? '', meta: none, body }))
      assert.equal(await left(server, ...names), 0)
      assert.equal(await ask(server, 'EXISTS', '{stepd:a}:old'), 0)
    }))

  it('make room for chunks that go over the client too, as to a cluster', () =>
    withRedis({}, async (server) => {
      const client = server.client()
      await client.hset('h', { 0: 'goes', 1: 'stays' })
      const caller = new Caller(server.url, 0)
      const staged = { key: 'h', field: 2, keys: ['h'], ms: 10_000, instead: { key: 'h', field: 0 } }
      await caller.put('send a chunk', staged, Buffer.from('comes'))
      assert.deepEqual(await client.hgetall('h'), { 1: 'stays', 2: 'comes' })
      caller.close()
      client.disconnect()
    }))
})
