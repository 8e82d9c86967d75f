import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Bulk } from '../../server/stores/redis/bulk.ts'
import { connect } from '../../server/stores/redis/client.ts'
import type { Field } from '../../server/stores/redis/keys.ts'
import { type RedisServer, startRedis } from '../redis.ts'

const MiB = 2 ** 20
const value = (length: number, seed: number) =>
  Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 31 + seed) >> 3))

/** A server that asks for a password, a client of one of its databases, and a reader. */
async function withBulk(
  work: (its: { server: RedisServer; client: ReturnType<typeof connect>; bulk: Bulk }) => Promise<void>,
) {
  const server = await startRedis()
  const setter = server.client()
  await setter.config('SET', 'requirepass', 'a secret')
  setter.disconnect()
  const url = server.url.replace('//', `//:${encodeURIComponent('a secret')}@`)
  const client = connect(`${url.replace(/\/$/, '')}/3`)
  const bulk = new Bulk(client)
  try {
    while (client.status !== 'ready') await sleep(5)
    await work({ server, client, bulk })
  } finally {
    bulk.close()
    client.disconnect()
    await server.stop()
  }
}

const staged = (key: string, field: number, keys: readonly string[], ms: number, instead?: Field) => ({
  key,
  field,
  keys,
  ms,
  instead,
})

const connections = async (client: ReturnType<typeof connect>) =>
  String(await client.call('CLIENT', 'LIST'))
    .trim()
    .split('\n')
    .map((line) => /id=(\d+) .* cmd=(\S+)/.exec(line)?.slice(1) ?? [])

test('large values are read to where they are to be, in pieces of any size', () =>
  withBulk(async ({ client, bulk }) => {
    const values = [value(3 * MiB + 5, 1), value(1, 2), value(100_000, 3)]
    for (const [field, bytes] of values.entries()) await client.hset('h', field, bytes)
    const place = Buffer.alloc(values.reduce((sum, { length }) => sum + length, 0) + 2, 0xee)
    let at = 1
    const asked = values.map(({ length }, field) => {
      const [from, cut] = [at, Math.floor(length / 3)]
      at += length
      const pieces = [
        [from, from],
        [from, from + cut],
        [from + cut, from + length],
      ].map(([a, b]) => place.subarray(a, b))
      return bulk.hget('h', field, pieces)
    })
    assert.deepEqual(await Promise.all(asked), [true, true, true])
    assert.ok(place.equals(Buffer.concat([Buffer.of(0xee), ...values, Buffer.of(0xee)])))
    assert.equal((await connections(client)).length, 2)
  }))

test('what is not there, or of another size, is not placed, and what comes after it is', () =>
  withBulk(async ({ client, bulk }) => {
    await client.hset('h', 0, value(2 * MiB, 1))
    await client.set('text', 'no hash')
    const place = Buffer.alloc(2 * MiB)
    assert.equal(await bulk.hget('h', 1, [place]), false)
    assert.equal(await bulk.hget('h', 0, [place.subarray(1)]), false)
    assert.equal(await bulk.hget('text', 0, [place]), false)
    assert.ok(place.every((byte) => byte === 0))
    assert.equal(await bulk.hget('h', 0, [place]), true)
    assert.ok(place.equals(value(2 * MiB, 1)))
  }))

test('a connection that ends says so to all who wait, and the next one asks over another', () =>
  withBulk(async ({ client, bulk }) => {
    await client.hset('h', 0, value(MiB, 1))
    const place = Buffer.alloc(MiB)
    assert.equal(await bulk.hget('h', 0, [place]), true)
    const [id] = (await connections(client)).find(([, command]) => command === 'hget') ?? []
    // They end, whether the replies come before it or not.
    const waiting = [bulk.hget('h', 0, [place]), bulk.hget('h', 9, [place])]
    await client.call('CLIENT', 'KILL', 'ID', String(id))
    await Promise.all(waiting)
    place.fill(0)
    // Where the replies came first, the end of the connection may not be noticed before the next one is asked.
    let there = false
    for (let k = 0; !there && k < 100; k++) {
      there = await bulk.hget('h', 0, [place])
      if (!there) await sleep(5)
    }
    assert.equal(there, true)
    assert.ok(place.equals(value(MiB, 1)))
    bulk.close()
    const late = bulk.hget('h', 0, [place])
    bulk.close()
    assert.equal(await late, false)
  }))

test('nothing is placed once it is closed', () =>
  withBulk(async ({ client, bulk }) => {
    await client.hset('h', 0, value(64 * MiB, 1))
    const place = Buffer.alloc(64 * MiB)
    const reading = bulk.hget('h', 0, [place])
    while (place[0] === 0 && place[100] === 0) await new Promise(setImmediate)
    bulk.close()
    assert.equal(await reading, false)
    const then = Buffer.from(place)
    await sleep(200)
    assert.ok(then.equals(place))
    assert.equal(place.at(-1), 0)
  }))

test('large values are set from where they lie, in pieces, in place of others, and their keys live so long', () =>
  withBulk(async ({ client, bulk }) => {
    const parts = [value(2 * MiB + 3, 1), value(0, 2), value(70_000, 3)]
    await client.hset('g', { 3: 'stays', 4: 'goes' })
    const both = await Promise.all([
      bulk.hset(staged('h', 0, ['h'], 50_000), parts),
      bulk.hset(staged('g', 5, ['h', 'g'], 60_000, { key: 'g', field: 4 }), [value(9, 4)]),
    ])
    assert.deepEqual(both, [true, true])
    assert.ok((await client.hgetBuffer('h', '0'))?.equals(Buffer.concat(parts)))
    assert.deepEqual(await client.hkeys('g'), ['3', '5'])
    assert.ok((await client.hgetBuffer('g', '5'))?.equals(value(9, 4)))
    for (const key of ['h', 'g']) {
      const left = await client.pttl(key)
      assert.ok(left > 50_000 && left <= 60_000, `${left} ms`)
    }
    const place = Buffer.alloc(9)
    assert.equal(await bulk.hget('g', 5, [place]), true)
    assert.ok(place.equals(value(9, 4)))
  }))

test('what Redis refuses to set is said not to be set, and the connection is good for more', () =>
  withBulk(async ({ client, bulk }) => {
    await client.set('text', 'no hash')
    assert.equal(await bulk.hset(staged('text', 0, ['text'], 1000), [value(MiB, 1)]), false)
    assert.equal(await client.get('text'), 'no hash')
    assert.equal(await bulk.hset(staged('h', 0, ['h'], 10_000), [value(MiB, 1)]), true)
  }))
