import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openStore } from '../../server/stores/index.ts'
import { inlined } from '../../server/stores/redis/bodies.ts'
import { snapshotCall } from '../../server/stores/redis/calls.ts'
import { newBodyKeys } from '../../server/stores/redis/keys.ts'
import { scripts } from '../../server/stores/redis/scripts.ts'
import { StateLost, StoreUnavailable } from '../../server/stores/store.ts'
import { checkLeftovers } from '../chaos/leftovers.ts'
import { entriesOf, newId, snapshotOf } from './conformance/fixture.ts'
import { create, entry, keysOf, MiB, none, unavailable, withRedis } from './setup.ts'

describe('store: redis, its keys', () => {
  it('all expire, and last as long as the session is used', { timeout: 60_000 }, () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const client = server.client()
      const incarnation = newId()
      await store.create('a', { incarnation, record: none, ttl: 1000 })
      const first = entry(incarnation, Buffer.alloc(3 * MiB, 1))
      await store.append('a', first)
      await store.putSnapshot('a', { ...first, seq: 1, body: [Buffer.alloc(MiB, 2)] })
      await store.append('a', entry(incarnation, none))
      // What the snapshot stands for goes as this comes.
      await store.append('a', entry(incarnation, Buffer.alloc(3 * MiB, 3)))
      for (let i = 0; i < 8; i++) {
        await sleep(500)
        await store.get('a')
        const keys = await keysOf(server)
        // What is remembered of entries that are gone lasts a minute, and here no longer than the session did then.
        assert.equal(keys.filter((key) => !key.endsWith('}:taken')).length, 6)
        for (const key of keys) {
          const left = await client.pttl(key)
          assert.ok(left > 0 && left <= 2000, `${key} has ${left} ms left`)
        }
      }
      assert.equal((await entriesOf(store, 'a', 0)).length, 2)
      assert.ok((await snapshotOf(store, 'a'))?.body.every((byte) => byte === 2))
      await sleep(2300)
      assert.deepEqual(await keysOf(server), [])
      client.disconnect()
      await store.close()
    }),
  )

  it('of an append that was abandoned expire, and can be sent again', () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const client = server.client()
      const incarnation = await create(store)
      const made = entry(incarnation, Buffer.alloc(80 * MiB, 1))
      const appending = store.append('a', made).catch((error: unknown) => error)
      const staged = async () => (await keysOf(server)).filter((key) => key.includes('}:s:'))
      while ((await staged()).length === 0) await sleep(0)
      // Redis takes no write from here on, so that the append cannot end before it is abandoned.
      await client.call('CLIENT', 'PAUSE', '60000', 'WRITE')
      await store.close()
      assert.ok((await appending) instanceof StoreUnavailable)
      const left = await staged()
      assert.ok(left.length > 0)
      await client.call('CLIENT', 'UNPAUSE')
      for (const key of left) {
        const ms = await client.pttl(key)
        assert.ok(ms > 0 && ms <= 90_000, `${key} has ${ms} ms left`)
      }
      const again = await openStore(server.url)
      assert.equal((await again.get('a'))?.head.seq, 0)
      assert.equal((await again.append('a', made)).status, 'appended')
      assert.deepEqual(await staged(), [])
      assert.equal((await entriesOf(again, 'a', 0))[0]?.body.length, 80 * MiB)
      client.disconnect()
      await again.close()
    }))

  it('sent ahead and expired are not taken', () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const client = server.client()
      const incarnation = await create(store)
      const made = entry(incarnation, Buffer.alloc(64 * MiB, 1))
      const appending = store.append('a', made)
      const key = `{stepd:a}:s:${made.id}:0`
      while ((await client.hexists(key, '0')) === 0) await sleep(0)
      await client.hdel(key, '0')
      await assert.rejects(appending, unavailable(/have expired/))
      assert.equal((await store.get('a'))?.head.seq, 0)
      client.disconnect()
      await store.close()
    }))

  it('an entry that was taken is not taken again, also when another came since', () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const incarnation = await create(store)
      const made = entry(incarnation, Buffer.from('1'))
      const first = await store.append('a', made)
      await store.append('a', entry(incarnation, Buffer.from('2')))
      // By one that does not know where the session is, as the same call does not when it is sent once more.
      const other = await openStore(server.url)
      assert.deepEqual(await other.append('a', made), first)
      assert.equal((await entriesOf(store, 'a', 0)).length, 2)
      await store.close()
      await other.close()
    }))

  it('that a server left as it was killed, its snapshot put and nothing trimmed, go with the next snapshot', () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const client = server.client()
      const incarnation = await create(store)
      const made = Array.from({ length: 100 }, () => entry(incarnation, Buffer.alloc(10)))
      for (const one of made) await store.append('a', one)
      const at = (seq: number) => ({ incarnation, seq, id: made[seq - 1]?.id ?? '', meta: none })
      const name = newId()
      const body = [Buffer.from('abc')]
      const call = snapshotCall({ ...at(90), body }, name, undefined)
      const put = [call, Buffer.concat(inlined(none, body) ?? [])] as const
      const keys = [...newBodyKeys('a', name)]
      const answer = await client.eval(scripts.putsnapshot.source, keys.length, ...keys, ...put)
      assert.equal((answer as readonly string[])[0], 'put')
      const bodies = async () => (await keysOf(server)).filter((key) => key.includes(':b:')).length
      assert.equal(await bodies(), 101)
      await checkLeftovers(client, ['a'])
      assert.ok(await store.putSnapshot('a', { ...at(95), body: [Buffer.from('abcd')] }))
      assert.equal(await bodies(), 6)
      await checkLeftovers(client, ['a'])
      client.disconnect()
      await store.close()
    }))

  it('that are missing are StateLost', () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const client = server.client()
      const incarnation = await create(store)
      const made = entry(incarnation, Buffer.alloc(3 * MiB, 1))
      await store.append('a', made)
      const read = () => entriesOf(store, 'a', 0)
      const lost = (pattern: RegExp) => (error: Error) => {
        assert.ok(error instanceof StateLost, String(error))
        assert.match(error.message, pattern)
        return true
      }
      const body = `{stepd:a}:b:${made.id}:0`
      await client.hdel(body, '4')
      await assert.rejects(read(), lost(/entry 1 of session "a": chunk 4 of 7 is missing/))
      await client.hset(body, '4', 'short')
      await assert.rejects(read(), lost(/chunk 4 of 7 is 5 bytes, expected 520192/))
      await client.unlink(body)
      await assert.rejects(read(), lost(/entry 1 of session "a": it is missing/))
      await client.unlink('{stepd:a}:log')
      await assert.rejects(read(), lost(/entry 1 is not in the log/))
      const again = await create(store, 'b')
      const small = entry(again, Buffer.from('small'))
      await store.append('b', small)
      await client.unlink(`{stepd:b}:b:${small.id}:0`)
      await assert.rejects(entriesOf(store, 'b', 0), lost(/entry 1 of session "b": it is missing/))
      await store.putSnapshot('b', { ...small, seq: 1 })
      const [snapshot = ''] = (await keysOf(server)).filter((key) => key.startsWith('{stepd:b}:b:'))
      await client.unlink(snapshot)
      await assert.rejects(snapshotOf(store, 'b'), lost(/the snapshot of session "b": it is missing/))
      await client.unlink('{stepd:b}:record')
      await assert.rejects(store.get('b'), lost(/the record is missing/))
      client.disconnect()
      await store.close()
    }))

  it('that cannot be read to the end are not handed on any more once that is said', () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const client = server.client()
      const incarnation = await create(store)
      const made = entry(incarnation, Buffer.alloc(30 * MiB, 1))
      await store.append('a', made)
      await client.hdel(`{stepd:a}:b:${made.id}:0`, '4')
      for await (const { body } of store.entries('a', 0)) {
        const place = new Uint8Array(body.size)
        await assert.rejects(async () => body.read([place]), StateLost)
        const before = Buffer.from(place)
        await sleep(300)
        assert.ok(before.equals(place))
        assert.ok(before.includes(0))
      }
      client.disconnect()
      await store.close()
    }))

  it('of another format are not read or written', () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const client = server.client()
      const incarnation = await create(store)
      const made = entry(incarnation, none)
      await store.append('a', made)
      const later = /storage format 3, this version reads format 2/
      await client.set('{stepd:a}:head', String(await client.get('{stepd:a}:head')).replace(/^2/, '3'))
      await assert.rejects(entriesOf(store, 'a', 0), later)
      await assert.rejects(store.append('a', entry(incarnation, none)), later)
      // The head of the first one was a hash.
      await client.unlink('{stepd:a}:head')
      await client.hset('{stepd:a}:head', 'format', '1')
      const format = /storage format 1, this version reads format 2/
      await assert.rejects(store.get('a'), format)
      await assert.rejects(store.append('a', entry(incarnation, none)), format)
      await assert.rejects(store.create('a', { incarnation, record: none, ttl: 1 }), format)
      assert.equal(await store.delete('a'), true)
      assert.equal((await store.create('a', { incarnation, record: none, ttl: 1000 })).created, true)
      await client.set('stepd:value:v', '\x02x')
      await assert.rejects(store.getValue('v'), /storage format 2, this version reads format 1/)
      client.disconnect()
      await store.close()
    }))

  it('scripts that the server has forgotten are sent again', () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const client = server.client()
      const incarnation = await create(store)
      await client.script('FLUSH')
      assert.equal((await store.append('a', entry(incarnation, Buffer.alloc(MiB)))).status, 'appended')
      assert.equal((await store.get('a'))?.head.seq, 1)
      client.disconnect()
      await store.close()
    }))
})
