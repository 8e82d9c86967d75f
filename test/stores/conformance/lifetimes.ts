import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Fixture, MINUTE, newId, readPages, snapshotOf, string, utf8 } from './fixture.ts'

/** Sessions that nobody uses end. */
export const lifetimes = (fixture: Fixture): void => {
  const { create, entry, append, entries, snapshotAt, left, kept } = fixture

  describe('time to live', () => {
    it('ends a session that is not used', async () => {
      const before = await kept()
      await create(200)
      const { id } = await append({ body: [randomBytes(600_000)] })
      await sleep(450)
      assert.equal(await fixture.store.get(fixture.key), undefined)
      assert.deepEqual(await fixture.store.append(fixture.key, entry()), { status: 'missing' })
      assert.equal(await snapshotAt(1, id), false)
      assert.equal(await fixture.store.setTtl(fixture.key, 5), false)
      assert.equal(await fixture.store.delete(fixture.key), false)
      assert.deepEqual(await entries(), [])
      assert.deepEqual(await readPages((cursor) => fixture.store.list(fixture.key, 10, cursor)), [])
      await sleep(300)
      assert.deepEqual(await left(before), [])
    })

    it('starts anew with every use', async () => {
      await create(400)
      const { id } = await append()
      const uses = [
        () => fixture.store.get(fixture.key),
        () => append(),
        () => entries(1),
        () => snapshotOf(fixture.store, fixture.key),
        () => fixture.store.append(fixture.key, entry({ after: 99 })),
        () => fixture.store.create(fixture.key, { incarnation: newId(), record: utf8(''), ttl: 1 }),
        () => snapshotAt(1, id),
        () => fixture.store.setTtl(fixture.key, 400),
      ]
      for (const use of [...uses, ...uses.slice(0, 4)]) {
        await sleep(250)
        await use()
      }
      assert.equal((await entries()).at(-1)?.seq, 3)
      assert.equal(string((await snapshotOf(fixture.store, fixture.key))?.body ?? utf8('')), 'state')
    })

    it('is changed, and counts from then', async () => {
      await create(MINUTE)
      await append()
      assert.equal(await fixture.store.setTtl(fixture.key, 10 * MINUTE), true)
      const longer = await fixture.store.get(fixture.key)
      assert.equal(longer?.ttl, 10 * MINUTE)
      assert.ok((longer?.expires ?? 0) - Date.now() > 9 * MINUTE)
      assert.equal(await fixture.store.setTtl(fixture.key, 100), true)
      await sleep(300)
      assert.equal(await fixture.store.get(fixture.key), undefined)
    })

    it('leaves the key free for another', async () => {
      await create(100)
      await append()
      await sleep(250)
      fixture.incarnation = newId()
      assert.equal((await create()).created, true)
      assert.deepEqual(await entries(), [])
      assert.equal((await append()).incarnation, fixture.incarnation)
      assert.equal((await entries()).length, 1)
    })
  })
}
