import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import type { Snapshot } from '../../../server/stores/store.ts'
import { type Fixture, type Full, MiB, newId, snapshotOf, string, utf8 } from './fixture.ts'

/** Snapshots stand for entries, and free what these took. */
export const snapshots = (fixture: Fixture): void => {
  const { create, append, head, entries, snapshotAt, left, kept } = fixture

  describe('snapshots', () => {
    it('are none at first', async () => {
      assert.equal(await snapshotOf(fixture.store, fixture.key), undefined)
      await create()
      assert.equal(await snapshotOf(fixture.store, fixture.key), undefined)
    })

    it('come back as put, and stand for the entries up to theirs', async () => {
      await create()
      const made = [await append(), await append(), await append()]
      const id = made[1]?.id ?? ''
      assert.equal(await snapshotAt(2, id), true)
      const expected: Full<Snapshot> = { seq: 2, id, meta: utf8('how'), body: utf8('state') }
      assert.deepEqual(await snapshotOf(fixture.store, fixture.key), expected)
      assert.deepEqual(
        (await entries()).map(({ seq, previous }) => [seq, previous]),
        [[3, id]],
      )
      assert.equal((await head()).seq, 3)
      await append()
      assert.deepEqual(
        (await entries(2)).map(({ seq }) => seq),
        [3, 4],
      )
    })

    it('replace the one before and free what it and its entries took', async () => {
      await create()
      const before = await kept()
      let id = ''
      for (let i = 1; i <= 3; i++) {
        for (let j = 0; j < 4; j++) id = (await append({ body: [randomBytes(MiB)] })).id
        assert.equal(await snapshotAt(i * 4, id, [randomBytes(2 * MiB)]), true)
      }
      assert.equal((await snapshotOf(fixture.store, fixture.key))?.seq, 12)
      assert.deepEqual(await entries(), [])
      assert.ok((await left(before)).length <= 4, String(await left(before)))
    })

    it('of the session itself, before any entry', async () => {
      await create()
      assert.equal(await snapshotAt(0, fixture.incarnation), true)
      assert.equal(await snapshotAt(0, fixture.incarnation), false)
      await append()
      assert.equal((await snapshotOf(fixture.store, fixture.key))?.seq, 0)
      assert.equal((await entries()).length, 1)
    })

    it('as old, older, unknown or of another incarnation are refused and leave nothing', async () => {
      await create()
      const ids: string[] = []
      for (let i = 0; i < 4; i++) ids.push((await append()).id)
      const [first = '', second = '', third = ''] = ids
      assert.equal(await snapshotAt(2, second), true)
      const before = await kept()
      for (const body of [[utf8('other')], [randomBytes(3 * MiB)]]) {
        assert.equal(await snapshotAt(2, second, body), false)
        assert.equal(await snapshotAt(1, first, body), false)
        assert.equal(await snapshotAt(0, fixture.incarnation, body), false)
        assert.equal(await snapshotAt(3, newId(), body), false)
        assert.equal(await snapshotAt(5, newId(), body), false)
        const other = { seq: 3, id: third, meta: utf8(''), body, incarnation: newId() }
        assert.equal(await fixture.store.putSnapshot(fixture.key, other), false)
        assert.equal(
          await fixture.store.putSnapshot(`${fixture.key}/none`, {
            ...other,
            incarnation: fixture.incarnation,
          }),
          false,
        )
      }
      assert.equal(string((await snapshotOf(fixture.store, fixture.key))?.body ?? utf8('')), 'state')
      assert.equal((await entries()).length, 2)
      assert.deepEqual(await left(before), [])
    })

    it('stay as they were put where memory that was lent for them is used again', async () => {
      await create()
      const { id } = await append()
      const { store, key, incarnation } = fixture
      const state = randomBytes(3 * MiB)
      const lent = Uint8Array.from(state)
      let holders = 1
      const lease = { hold: () => holders++, release: () => holders-- }
      const snapshot = { seq: 1, id, meta: utf8('how'), body: [lent], incarnation, lease }
      assert.equal(await store.putSnapshot(key, snapshot), true)
      lease.release()
      // Only one that keeps it where it is holds it.
      assert.equal(holders, fixture.medium.shared ? 0 : 1)
      if (holders === 0) lent.fill(0)
      assert.deepEqual((await snapshotOf(store, key))?.body, Uint8Array.from(state))
    })

    it('that nobody was given give their memory back when others take their place', async () => {
      await create()
      const { store, key, incarnation, medium } = fixture
      const held: (() => number)[] = []
      const put = async (seq: number, id: string) => {
        let holders = 1
        const lease = { hold: () => holders++, release: () => holders-- }
        held.push(() => holders)
        const body = [new Uint8Array(2 * MiB).fill(seq)]
        assert.equal(
          await store.putSnapshot(key, { seq, id, meta: utf8(''), body, incarnation, lease }),
          true,
        )
        lease.release()
      }
      for (let seq = 1; seq <= 2; seq++) await put(seq, (await append()).id)
      const read = await store.snapshot(key)
      await put(3, (await append()).id)
      const own = medium.shared ? 0 : 1
      assert.deepEqual(
        held.map((count) => count()),
        [0, own, own],
      )
      assert.equal(read?.seq, 2)
      await store.delete(key)
      assert.deepEqual(
        held.map((count) => count()),
        [0, own, 0],
      )
    })

    it('put by several at the same time: one stays', async () => {
      await create()
      const { id } = await append()
      const before = await kept()
      const put = await Promise.all(
        Array.from({ length: 5 }, (_, i) => snapshotAt(1, id, [new Uint8Array(MiB).fill(i)])),
      )
      assert.equal(put.filter(Boolean).length, 1)
      const body = (await snapshotOf(fixture.store, fixture.key))?.body
      assert.ok(body?.every((byte) => byte === put.indexOf(true)))
      assert.ok((await left(before)).length <= 4)
    })
  })
}
