import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { whole } from '../../../server/stores/pieces.ts'
import { Replaced, type StoredBody } from '../../../server/stores/store.ts'
import { type Fixture, MINUTE, MiB, newId, snapshotOf, string, utf8 } from './fixture.ts'

/** Bytes of any size, cut in any way, come back as they were given. */
export const bodies = (fixture: Fixture): void => {
  const { create, append, head, entries, snapshotAt, left, kept } = fixture

  describe('bodies', () => {
    const random = (length: number): Uint8Array => randomBytes(length)
    const bodies: Readonly<Record<string, () => readonly Uint8Array[]>> = {
      'no pieces': () => [],
      'an empty piece': () => [new Uint8Array(0)],
      'one byte': () => [Uint8Array.of(0)],
      'every byte': () => [Uint8Array.from({ length: 256 }, (_, i) => i)],
      'several pieces': () => [random(3), new Uint8Array(0), random(1000), random(1)],
      'a view into a larger buffer': () => [random(5000).subarray(1234, 4321)],
      'just what goes in one call': () => [random(256 * 1024)],
      'a byte more': () => [random(256 * 1024 + 1)],
      'whole chunks': () => [random(2 * MiB)],
      '5 MiB in uneven pieces': () => [random(2 * MiB - 7), random(13), random(3 * MiB - 6)],
      'many small pieces': () => Array.from({ length: 3000 }, () => random(700)),
    }
    for (const [what, make] of Object.entries(bodies)) {
      it(`come back exactly: ${what}`, async () => {
        await create()
        const body = make()
        const meta = random(300)
        await append({ body, meta })
        const whole = Buffer.concat(body)
        assert.equal(await snapshotAt(1, (await head()).id, [...body]), true)
        const snapshot = await snapshotOf(fixture.store, fixture.key)
        assert.ok(snapshot && Buffer.compare(snapshot.body, whole) === 0)
        await append({ body, meta })
        const [read] = await entries()
        assert.ok(read)
        assert.equal(Buffer.compare(read.body, whole), 0)
        assert.equal(Buffer.compare(read.meta, meta), 0)
      })
    }

    it('of 80 MiB, and the keys that are needed for them, come and go', { timeout: 120_000 }, async () => {
      await create()
      const before = await kept()
      const body = [random(80 * MiB)]
      const { id } = await append({ body })
      const [read] = await entries()
      assert.equal(Buffer.compare(read?.body ?? utf8(''), body[0] ?? utf8('')), 0)
      assert.equal(await snapshotAt(1, id), true)
      assert.deepEqual(await entries(), [])
      assert.ok(!fixture.medium.kept || (await left(before)).length <= 4)
    })

    it('of records and values may be overwritten by the caller once the promise has resolved', async () => {
      await create()
      for (const size of [10, MiB, 3 * MiB]) {
        const record = new Uint8Array(size).fill(7)
        await fixture.store.create(`${fixture.key}/2`, { incarnation: newId(), record, ttl: MINUTE })
        await fixture.store.putValue(`${fixture.key}/value`, record)
        record.fill(9)
        assert.ok((await fixture.store.get(`${fixture.key}/2`))?.record.every((byte) => byte === 7))
        assert.ok((await fixture.store.getValue(`${fixture.key}/value`))?.every((byte) => byte === 7))
        await fixture.store.delete(`${fixture.key}/2`)
        await fixture.store.deleteValue(`${fixture.key}/value`)
      }
    })

    it('read may be overwritten without harm to what is kept', async () => {
      await create()
      const { id } = await append({ body: [utf8('kept')], advance: undefined })
      for (let i = 0; i < 2; i++) {
        const session = await fixture.store.get(fixture.key)
        const [read] = await entries()
        assert.equal(string(session?.record ?? utf8('')), 'record')
        assert.equal(string(read?.body ?? utf8('')), 'kept')
        for (const bytes of [session?.record, read?.body, read?.meta]) bytes?.fill(0)
      }
      await snapshotAt(1, id)
      ;(await snapshotOf(fixture.store, fixture.key))?.body.fill(0)
      assert.equal(string((await snapshotOf(fixture.store, fixture.key))?.body ?? utf8('')), 'state')
    })

    it('are read whole or not at all where a snapshot takes their place meanwhile', async () => {
      await create()
      const [one, two] = [[random(3 * MiB)], [random(3 * MiB)]]
      const { id } = await append({ body: one })
      for await (const entry of fixture.store.entries(fixture.key, 0)) {
        assert.equal(await snapshotAt(1, id, one), true)
        await wholeOrReplaced(entry.body, one)
      }
      const snapshot = await fixture.store.snapshot(fixture.key)
      assert.ok(snapshot)
      const next = await append({ body: two })
      assert.equal(await snapshotAt(2, next.id, two), true)
      await wholeOrReplaced(snapshot.body, one)
      const now = await snapshotOf(fixture.store, fixture.key)
      assert.ok(Buffer.concat(two).equals(now?.body ?? utf8('')))
    })
  })
}

async function wholeOrReplaced(body: StoredBody, expected: readonly Uint8Array[]): Promise<void> {
  const read = await whole(body).catch((error: unknown) => error)
  if (read instanceof Uint8Array) assert.ok(Buffer.concat(expected).equals(read))
  else assert.ok(read instanceof Replaced, String(read))
}
