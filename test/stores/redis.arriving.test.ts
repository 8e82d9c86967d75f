import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openStore } from '../../server/stores/index.ts'
import type { Arriving, Store } from '../../server/stores/store.ts'
import { ask, type RedisServer } from '../redis.ts'
import { entriesOf, newId } from './conformance/fixture.ts'
import { create, entry, keysOf, MiB, withRedis } from './setup.ts'

const bodyOf = (size: number) => Buffer.from(Uint8Array.from({ length: size }, (_, i) => i % 251))

const expected = (store: Store, bytes: Uint8Array, id = newId()): Arriving => {
  const arriving = store.expect?.('a', id, bytes)
  assert.ok(arriving)
  return arriving
}

const staged = async (server: RedisServer) => (await keysOf(server)).filter((key) => key.includes('}:s:'))

/** It is not waited for by who drops a body that the store forgets it. */
async function forgotten(server: RedisServer): Promise<void> {
  for (let waited = 0; (await staged(server)).length > 0; waited += 10) {
    assert.ok(waited < 5000, `${await staged(server)} are there`)
    await sleep(10)
  }
}

describe('store: redis, bodies that are taken while they come', () => {
  it('are in the store when the last byte is there, and the entry needs them sent no more', () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const incarnation = await create(store)
      const right = bodyOf(70 * MiB + 3)
      const bytes = Buffer.alloc(right.length)
      const arriving = expected(store, bytes)
      // What has not come is other bytes yet: were it sent too early, these would be read.
      for (let at = 0; at < right.length; at += 5 * MiB) {
        right.copy(bytes, at, at, at + 5 * MiB)
        arriving.came(Math.min(at + 5 * MiB, right.length))
        await sleep(1)
      }
      assert.equal(await arriving.taken, true)
      assert.equal((await staged(server)).length, 2)
      const received = async () =>
        Number(/total_net_input_bytes:(\d+)/.exec(String(await ask(server, 'INFO', 'stats')))?.[1])
      const before = await received()
      const taken = await store.append('a', { ...entry(incarnation, bytes, 0), id: arriving.id, arriving })
      assert.equal(taken.status, 'appended')
      assert.ok((await received()) - before < MiB)
      const [read, ...more] = await entriesOf(store, 'a')
      assert.deepEqual(more, [])
      assert.equal(read?.id, arriving.id)
      assert.ok(right.equals(read.body))
      assert.deepEqual(await staged(server), [])
      await store.close()
    }))

  it('are forgotten where they do not come whole, or nobody appends them', () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      await create(store)
      const bytes = bodyOf(8 * MiB)
      for (const came of [0, 1, 5 * MiB]) {
        const part = expected(store, bytes)
        part.came(came)
        if (came > MiB) while ((await staged(server)).length === 0) await sleep(1)
        part.drop()
        assert.equal(await part.taken, false)
        await forgotten(server)
      }
      const whole = expected(store, bytes)
      whole.came(bytes.length)
      assert.equal(await whole.taken, true)
      assert.equal((await staged(server)).length, 1)
      whole.drop()
      await forgotten(server)
      await store.close()
    }))

  it('are forgotten where their entry is refused', () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const incarnation = await create(store)
      const bytes = bodyOf(2 * MiB)
      const arriving = expected(store, bytes)
      arriving.came(bytes.length)
      await arriving.taken
      const refused = await store.append('a', { ...entry(incarnation, bytes, 7), id: arriving.id, arriving })
      assert.equal(refused.status, 'refused')
      assert.deepEqual(await staged(server), [])
      await store.close()
    }))

  it('fail with the store, and another entry can have them', { timeout: 60_000 }, () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const incarnation = await create(store)
      const bytes = bodyOf(4 * MiB)
      const arriving = expected(store, bytes)
      arriving.came(2 * MiB)
      while ((await staged(server)).length === 0) await sleep(1)
      const client = server.client()
      await client.call('CLIENT', 'PAUSE', '60000', 'WRITE')
      arriving.came(bytes.length)
      await assert.rejects(arriving.taken, { name: 'StoreUnavailable' })
      await client.call('CLIENT', 'UNPAUSE')
      client.disconnect()
      // For a moment it is refused what did not answer.
      await sleep(1100)
      assert.equal((await store.append('a', entry(incarnation, bytes, 0))).status, 'appended')
      assert.ok(bytes.equals((await entriesOf(store, 'a'))[0]?.body ?? Buffer.alloc(0)))
      await store.close()
    }),
  )

  it('are left to the entry where they are small', () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      assert.equal(store.expect?.('a', newId(), Buffer.alloc(MiB / 4)), undefined)
      await store.close()
    }))
})
