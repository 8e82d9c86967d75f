import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openStore } from '../../server/stores/index.ts'
import type { Store } from '../../server/stores/store.ts'
import { ask, type RedisServer } from '../redis.ts'
import { entriesOf, newId } from './conformance/fixture.ts'
import { create, entry, keysOf, none, unavailable, withRedis } from './setup.ts'

const staged = async (server: RedisServer) => (await keysOf(server)).filter((key) => key.includes('}:s:'))

/** How many bodies were set right before an entry, and how many that came before it were taken. */
const carriedBy = async (server: RedisServer) => {
  const stats = String(await ask(server, 'INFO', 'commandstats'))
  const calls = (name: string) => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
  return { set: calls('psetex'), renamed: calls('rename') }
}

const ways = { 'in the call': [0, 0], carried: [1, 1], both: [1, 0], ahead: [0, 1] } as const
type Way = keyof typeof ways

describe('store: redis, the next step of a session that is where it was left', () => {
  it('is taken by one compare, and looked at by all rules where that fails', () =>
    withRedis({}, async (server) => {
      const [one, other] = [await openStore(server.url), await openStore(server.url)]
      const incarnation = await create(one)
      // What follows by the rules asks whether it was there before.
      const judged = async () => {
        const stats = String(await ask(server, 'INFO', 'commandstats'))
        return Number(/cmdstat_exists:calls=(\d+)/.exec(stats)?.[1] ?? 0)
      }
      const start = await judged()
      const append = async (store: Store, after?: number, expected = 'appended') => {
        const answer = await store.append('a', entry(incarnation, Buffer.from('x'), after))
        assert.equal(answer.status, expected)
        return answer.status === 'missing' ? undefined : answer.head
      }
      for (let step = 0; step < 10; step++) assert.equal((await append(one, step))?.step, step + 1)
      assert.equal((await judged()) - start, 1)
      // Another server takes two: the first one's guess is wrong, and it learns where the session is.
      for (let step = 10; step < 12; step++) await append(other, step)
      assert.equal((await judged()) - start, 2)
      assert.equal((await append(one, 10, 'refused'))?.step, 12)
      assert.equal((await append(one))?.seq, 13)
      assert.equal((await append(one))?.seq, 14)
      assert.equal((await judged()) - start, 4)
      // So it does when something else of the session changed, and after a snapshot of its own it knows already.
      await other.setTtl('a', 30_000)
      await append(one, 14)
      assert.equal((await judged()) - start, 5)
      const { head } = (await one.get('a')) ?? {}
      assert.ok(head)
      await one.putSnapshot('a', { incarnation, seq: head.seq, id: head.id, meta: none, body: [none] })
      await append(one, 15)
      assert.equal((await judged()) - start, 5)
      // One that ran out of time and was made again is another.
      await one.delete('a')
      await append(one, 16, 'missing')
      const again = await create(one)
      assert.equal((await one.append('a', entry(again, none, 0))).status, 'appended')
      await append(one, 1, 'missing')
      await one.close()
      await other.close()
    }))

  it('has a long body that is set right before it, in one transaction, and leaves nothing else', () =>
    withRedis({}, async (server) => {
      const [one, other] = [await openStore(server.url), await openStore(server.url)]
      const incarnation = await create(one)
      const body = (byte: number) => Buffer.alloc(100_000, byte)
      const append = async (store: Store, bytes: Buffer, after: number | undefined, way: Way) => {
        const before = await carriedBy(server)
        const { status } = await store.append('a', entry(incarnation, bytes, after))
        const now = await carriedBy(server)
        assert.deepEqual([now.set - before.set, now.renamed - before.renamed], ways[way])
        assert.deepEqual(await staged(server), [])
        return status
      }
      // Of the first nothing is known, and one guess is to be right before such a body goes by the next.
      assert.equal(await append(one, body(1), 0, 'in the call'), 'appended')
      assert.equal(await append(one, body(2), 1, 'in the call'), 'appended')
      assert.equal(await append(one, body(3), 2, 'carried'), 'appended')
      const { head } = (await one.get('a')) ?? {}
      assert.ok(head)
      await one.putSnapshot('a', { incarnation, seq: head.seq, id: head.id, meta: none, body: [none] })
      assert.equal(await append(one, body(4), 3, 'carried'), 'appended')
      // Another server takes one: the first one's guess is wrong, and it is refused, or by the rules it is not.
      assert.equal(await append(other, body(5), 4, 'in the call'), 'appended')
      assert.equal(await append(one, body(6), 4, 'both'), 'refused')
      assert.equal(await append(one, body(6), undefined, 'in the call'), 'appended')
      assert.equal(await append(one, body(7), undefined, 'in the call'), 'appended')
      assert.equal(await append(one, body(8), 7, 'carried'), 'appended')
      const all = await entriesOf(one, 'a', 3)
      assert.deepEqual(
        all.map((read) => read.body),
        [4, 5, 6, 7, 8].map((byte) => new Uint8Array(body(byte))),
      )
      // What is as long as that: with the length of its meta, 32 KiB to 256 KiB and that length.
      for (const [length, way] of [
        [2 ** 15 - 5, 'in the call'],
        [2 ** 15 - 4, 'carried'],
        [2 ** 18, 'carried'],
        [2 ** 18 + 1, 'ahead'],
      ] as const) {
        assert.equal(await append(one, Buffer.alloc(1), undefined, 'in the call'), 'appended')
        assert.equal(await append(one, Buffer.alloc(1), undefined, 'in the call'), 'appended')
        assert.equal(await append(one, randomBytes(length), undefined, way), 'appended', String(length))
      }
      // Redis forgets its scripts.
      const client = server.client()
      await client.script('FLUSH')
      for (let i = 0; i < 2; i++) await append(one, Buffer.alloc(1), undefined, 'in the call')
      assert.equal(await append(one, body(9), undefined, 'both'), 'appended')
      assert.equal(await append(one, body(9), undefined, 'carried'), 'appended')
      const lasts = Number(String(await client.get('{stepd:a}:head')).split(' ')[4])
      for (const key of (await keysOf(server)).filter((each) => each.includes('}:b:')))
        assert.ok((await client.pexpiretime(key)) >= lasts, key)
      // Of a Redis that is full the reason is told, which is the call's, and not that the transaction was aborted.
      await client.config('SET', 'maxmemory', '1mb')
      const full = one.append('a', entry(incarnation, body(10)))
      await assert.rejects(full, unavailable(/append to session "a": Redis at \S+ OOM/))
      await client.config('SET', 'maxmemory', '0')
      assert.equal(await append(one, body(10), undefined, 'carried'), 'appended')
      client.disconnect()
      await one.close()
      await other.close()
    }))

  for (const command of ['multi', 'psetex', 'exec'])
    it(`has a long body in the call where ${command.toUpperCase()} is forbidden, and does not try again`, () =>
      withRedis({}, async (server) => {
        const rules = ['on', '>secret', 'allkeys', 'allchannels', '+@all', `-${command}`]
        await ask(server, 'ACL', 'SETUSER', 'limited', ...rules)
        const store = await openStore(server.url.replace('://', '://limited:secret@'))
        const incarnation = await create(store)
        for (let step = 0; step < 6; step++) {
          const { status } = await store.append('a', entry(incarnation, Buffer.alloc(100_000, step), step))
          assert.equal(status, 'appended')
          assert.deepEqual(await staged(server), [])
        }
        const stats = String(await ask(server, 'INFO', 'commandstats'))
        assert.match(stats, new RegExp(`cmdstat_${command}:calls=0,\\S*rejected_calls=1,`))
        assert.equal((await entriesOf(store, 'a', 0)).length, 6)
        await store.close()
      }))

  it('counts who gave something, and not who was refused as all is made to last', { timeout: 30_000 }, () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const incarnation = newId()
      await store.create('a', { incarnation, record: none, ttl: 300 })
      const give = async (member: string, seq: number, atMost: number) => {
        const once = { member, seq, most: 2 }
        return (await store.append('a', { ...entry(incarnation, none), once, atMost })).status
      }
      assert.equal(await give('one', 1, 0), 'appended')
      for (let i = 0; i < 12; i++) {
        assert.equal(await give('late', 1, 0), 'refused')
        await sleep(100)
      }
      assert.equal(await give('two', 1, 1), 'appended')
      assert.equal(await give('three', 1, 2), 'crowded')
      await store.close()
    }),
  )

  it('lasts as long as the session, however long that is used', { timeout: 30_000 }, () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const incarnation = newId()
      await store.create('a', { incarnation, record: none, ttl: 1000 })
      for (let step = 0; step < 12; step++) {
        assert.equal((await store.append('a', entry(incarnation, none, step))).status, 'appended')
        await sleep(300)
      }
      assert.equal((await entriesOf(store, 'a', 0)).length, 12)
      await sleep(1100)
      assert.equal(await store.get('a'), undefined)
      await store.close()
    }),
  )
})
