import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { type Fixture, MINUTE, MiB, newId, readPages, snapshotOf, string, utf8 } from './fixture.ts'

/** Made, found, kept apart, and deleted with all their bytes. */
export const sessions = (fixture: Fixture): void => {
  const { create, entry, append, head, entries, snapshotAt, left, kept } = fixture

  describe('sessions', () => {
    it('are created with a head that is themselves', async () => {
      const start = Date.now()
      const { created, session } = await create()
      assert.equal(created, true)
      assert.equal(session.incarnation, fixture.incarnation)
      assert.equal(string(session.record), 'record')
      assert.deepEqual(session.head, { seq: 0, id: fixture.incarnation, step: 0, digest: '' })
      assert.equal(session.ttl, MINUTE)
      assert.ok(Math.abs(session.created - start) < 5000)
      assert.ok(Math.abs(session.expires - session.created - MINUTE) < 5000)
    })

    it('are found as they were made', async () => {
      const { session } = await create()
      const found = await fixture.store.get(fixture.key)
      assert.ok(found)
      assert.deepEqual({ ...found, expires: 0 }, { ...session, expires: 0 })
      assert.equal(await fixture.store.get(`${fixture.key}x`), undefined)
    })

    it('are attached to when they exist, unchanged', async () => {
      await create()
      await append()
      const other = await fixture.store.create(fixture.key, {
        incarnation: newId(),
        record: utf8('other'),
        ttl: 5,
      })
      assert.equal(other.created, false)
      assert.equal(other.session.incarnation, fixture.incarnation)
      assert.equal(string(other.session.record), 'record')
      assert.equal(other.session.ttl, MINUTE)
      assert.equal(other.session.head.seq, 1)
    })

    it('are created once by many at the same time', async () => {
      const made = await Promise.all(
        Array.from({ length: 20 }, () =>
          fixture.store.create(fixture.key, { incarnation: newId(), record: utf8('r'), ttl: MINUTE }),
        ),
      )
      assert.equal(made.filter(({ created }) => created).length, 1)
      assert.equal(new Set(made.map(({ session }) => session.incarnation)).size, 1)
    })

    it('keep records of any bytes, also none, and large ones', async () => {
      for (const record of [
        new Uint8Array(0),
        Uint8Array.from({ length: 256 }, (_, i) => i),
        randomBytes(MiB),
      ]) {
        await fixture.store.create(fixture.key, { incarnation: fixture.incarnation, record, ttl: MINUTE })
        const found = await fixture.store.get(fixture.key)
        assert.ok(found && Buffer.compare(found.record, record) === 0)
        await fixture.store.delete(fixture.key)
      }
    })

    it('take keys of all allowed characters, up to 300', async () => {
      const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-/:'
      fixture.key = letters.padEnd(300, 'x')
      const shorter = letters.padEnd(299, 'x')
      await create()
      await append()
      assert.equal(await fixture.store.get(shorter), undefined)
      assert.equal((await entries()).length, 1)
      assert.deepEqual(await readPages((cursor) => fixture.store.list(fixture.key, 10, cursor)), [
        fixture.key,
      ])
    })

    it('are deleted with all their bytes', async () => {
      const before = await kept()
      await create()
      const first = await append({ body: [randomBytes(3 * MiB)] })
      await append({ body: [] })
      assert.equal(await snapshotAt(1, first.id, [randomBytes(2 * MiB)]), true)
      await append()
      if (fixture.medium.kept) assert.notDeepEqual(await left(before), [])
      assert.equal(await fixture.store.delete(fixture.key), true)
      assert.deepEqual(await left(before), [])
      assert.equal(await fixture.store.get(fixture.key), undefined)
      assert.equal(await snapshotOf(fixture.store, fixture.key), undefined)
      assert.deepEqual(await entries(), [])
      assert.equal(await fixture.store.delete(fixture.key), false)
    })

    it('made again are another incarnation, with nothing of the former', async () => {
      await create()
      const { id } = await append()
      await snapshotAt(1, id)
      await append()
      await fixture.store.delete(fixture.key)
      const former = fixture.incarnation
      fixture.incarnation = newId()
      await create()
      assert.deepEqual(await entries(), [])
      assert.equal(await snapshotOf(fixture.store, fixture.key), undefined)
      assert.deepEqual(await fixture.store.append(fixture.key, entry({ incarnation: former })), {
        status: 'missing',
      })
      assert.deepEqual(await head(), { seq: 0, id: fixture.incarnation, step: 0, digest: '' })
    })
  })
}
