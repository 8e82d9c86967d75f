import assert from 'node:assert/strict'
import { it } from 'node:test'
import { openStore } from '../../server/stores/index.ts'
import { startProxy } from '../proxy.ts'
import { startRedis } from '../redis.ts'
import { entriesOf, newId } from './conformance/fixture.ts'

const none = new Uint8Array(0)

it('an append whose answer was lost is not taken again, also when a snapshot stands for it', async () => {
  const redis = await startRedis()
  const proxy = await startProxy(() => redis.port)
  const near = await openStore(redis.url)
  const far = await openStore(`redis://127.0.0.1:${proxy.port}`)
  try {
    const incarnation = newId()
    await near.create('a', { incarnation, record: none, ttl: 60_000 })
    const entry = (size: number) => ({
      id: newId(),
      meta: none,
      body: [new Uint8Array(size)],
      incarnation,
      advance: { digest: `digest ${size}` },
    })
    // The second is sent by one that knows where the session is, the third by one that knew so before, in a transaction,
    // and of the last the body is sent ahead.
    for (const [size, answered] of [
      [10, 'appended'],
      [11, ':1\r\n'],
      [100_000, '*2\r\n+OK\r\n:1\r\n'],
      [1 << 20, 'appended'],
    ] as const) {
      for (let i = 0; answered !== 'appended' && i < 2; i++) await far.append('a', entry(1))
      const base = (await near.get('a'))?.head.seq ?? 0
      const lost = entry(size)
      const cut = proxy.cutAt(answered)
      const appending = far.append('a', lost)
      await cut
      const next = entry(1)
      const { head } = (await near.append('a', next)) as { head: { seq: number } }
      assert.equal(head.seq, base + 2)
      const snapshot = { incarnation, seq: head.seq, id: next.id, meta: none, body: [none] }
      assert.equal(await near.putSnapshot('a', snapshot), true)
      assert.deepEqual(await entriesOf(near, 'a', 0), [])
      proxy.mend()
      const answer = await appending
      assert.equal(answer.status, 'appended')
      assert.deepEqual(
        { seq: answer.head.seq, id: answer.head.id, step: answer.head.step, digest: answer.head.digest },
        { seq: base + 1, id: lost.id, step: base + 1, digest: `digest ${size}` },
      )
      assert.equal((await near.get('a'))?.head.seq, base + 2)
    }
    const client = redis.client()
    const left = await client.pttl('{stepd:a}:taken')
    assert.ok(left > 50_000 && left <= 60_000)
    // What is remembered has a bound: the answers to 1024 entries, each under its id and its number.
    for (let i = 0; i < 1100; i++) await near.append('a', entry(1))
    const { head } = (await near.get('a')) ?? {}
    assert.ok(head)
    await near.putSnapshot('a', { incarnation, seq: head.seq, id: head.id, meta: none, body: [none] })
    assert.equal(await client.hlen('{stepd:a}:taken'), 2 * 1024)
    client.disconnect()
    await near.delete('a')
    assert.deepEqual(await near.list('', 10), { keys: [] })
  } finally {
    await near.close()
    await far.close()
    await proxy.stop()
    await redis.stop()
  }
})
