import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openStore } from '../../server/stores/index.ts'
import type { Arriving, NewEntry, Store } from '../../server/stores/store.ts'
import { ask, type RedisServer } from '../redis.ts'
import { entriesOf, newId } from './conformance/fixture.ts'
import { create, entry, keysOf, MiB, withRedis } from './setup.ts'

const bodyOf = (size: number) => Buffer.from(Uint8Array.from({ length: size }, (_, i) => i % 251))

const expected = (store: Store): Arriving => {
  const arriving = store.expect?.('a', newId())
  assert.ok(arriving)
  return arriving
}

const given = (store: Store, bytes: Uint8Array): Arriving => {
  const arriving = expected(store)
  arriving.give(bytes)
  arriving.end()
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

interface Taken {
  readonly server: RedisServer
  readonly store: Store
  readonly bytes: Buffer
  /** The entry that the body is of. */
  readonly make: (after: number) => NewEntry
}

/** With a session, and a body of 2 MiB for it that is in the store and that nobody has appended. */
const withTaken = (run: (taken: Taken) => Promise<void>) =>
  withRedis({}, async (server) => {
    const store = await openStore(server.url)
    const incarnation = await create(store)
    const bytes = bodyOf(2 * MiB)
    const arriving = given(store, bytes)
    assert.equal(await arriving.taken, true)
    const make = (after: number) => ({ ...entry(incarnation, bytes, after), id: arriving.id, arriving })
    await run({ server, store, bytes, make })
    await store.close()
  })

describe('store: redis, bodies that are taken while they come', () => {
  it('are in the store when the last byte is there, and the entry needs them sent no more', () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const incarnation = await create(store)
      // Two tensors that are apart in memory, and chunks that have of both.
      const bytes = bodyOf(70 * MiB + 3)
      const body = [bytes.subarray(0, 3 * MiB + 1), bytes.subarray(3 * MiB + 7)]
      const arriving = expected(store)
      for (const tensor of body)
        for (let at = 0; at < tensor.length; at += 700_001) {
          arriving.give(tensor.subarray(at, at + 700_001))
          await sleep(0)
        }
      assert.equal(arriving.is(body), false)
      arriving.end()
      assert.equal(arriving.is(body), true)
      assert.equal(arriving.is(body.slice(1)), false)
      assert.equal(arriving.is(body.toReversed()), false)
      assert.equal(arriving.is(body.map((tensor) => Buffer.from(tensor))), false)
      assert.equal(await arriving.taken, true)
      assert.equal((await staged(server)).length, 2)
      const received = async () =>
        Number(/total_net_input_bytes:(\d+)/.exec(String(await ask(server, 'INFO', 'stats')))?.[1])
      const before = await received()
      const made = { ...entry(incarnation, bytes, 0), body, id: arriving.id, arriving }
      assert.equal((await store.append('a', made)).status, 'appended')
      assert.ok((await received()) - before < MiB)
      const [read, ...more] = await entriesOf(store, 'a')
      assert.deepEqual(more, [])
      assert.equal(read?.id, arriving.id)
      assert.ok(Buffer.concat(body).equals(read.body))
      assert.deepEqual(await staged(server), [])
      await store.close()
    }))

  it('are forgotten where they do not come whole, or nobody appends them', () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      await create(store)
      const bytes = bodyOf(8 * MiB)
      for (const came of [0, 1, 5 * MiB]) {
        const part = expected(store)
        part.give(bytes.subarray(0, came))
        if (came > MiB) while ((await staged(server)).length === 0) await sleep(1)
        part.drop()
        assert.equal(await part.taken, false)
        await forgotten(server)
      }
      const whole = given(store, bytes)
      assert.equal(await whole.taken, true)
      assert.equal((await staged(server)).length, 1)
      whole.drop()
      await forgotten(server)
      await store.close()
    }))

  it('are forgotten where their entry is refused', () =>
    withTaken(async ({ server, store, make }) => {
      assert.equal((await store.append('a', make(7))).status, 'refused')
      assert.deepEqual(await staged(server), [])
    }))

  it('are sent again where they came so slowly that what was first has expired', () =>
    withTaken(async ({ server, store, bytes, make }) => {
      await ask(server, 'DEL', ...(await staged(server)))
      assert.equal((await store.append('a', make(0))).status, 'appended')
      assert.ok(bytes.equals((await entriesOf(store, 'a'))[0]?.body ?? Buffer.alloc(0)))
      assert.deepEqual(await staged(server), [])
    }))

  it('fail with the store, and another entry can have them', { timeout: 60_000 }, () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const incarnation = await create(store)
      const bytes = bodyOf(4 * MiB)
      const arriving = expected(store)
      arriving.give(bytes.subarray(0, 2 * MiB))
      while ((await staged(server)).length === 0) await sleep(1)
      const client = server.client()
      await client.call('CLIENT', 'PAUSE', '60000', 'WRITE')
      arriving.give(bytes.subarray(2 * MiB))
      arriving.end()
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

  it('of a few bytes, or of none, are as any other', () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const incarnation = await create(store)
      const bytes = bodyOf(5)
      const arriving = given(store, bytes)
      assert.equal(await arriving.taken, true)
      const made = { ...entry(incarnation, bytes, 0), id: arriving.id, arriving }
      assert.equal((await store.append('a', made)).status, 'appended')
      assert.ok(bytes.equals((await entriesOf(store, 'a'))[0]?.body ?? Buffer.alloc(0)))
      assert.equal(given(store, Buffer.alloc(0)).is([]), false)
      await store.close()
    }))
})
