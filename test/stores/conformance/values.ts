import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Fixture, MINUTE, newId, readPages, utf8 } from './fixture.ts'

/** Small values, and lists of keys. */
export const values = (fixture: Fixture): void => {
  const { create } = fixture

  describe('lists', () => {
    it('have the keys that start with a prefix, page by page', async () => {
      const keys = Array.from({ length: 37 }, (_, i) => `${fixture.key}/${i}`).sort()
      for (const each of keys) {
        await fixture.store.create(each, { incarnation: newId(), record: utf8(''), ttl: MINUTE })
      }
      await fixture.store.create(`x${fixture.key}`, { incarnation: newId(), record: utf8(''), ttl: MINUTE })
      for (const limit of [1, 5, 36, 37, 1000]) {
        assert.deepEqual(
          await readPages((cursor) => fixture.store.list(`${fixture.key}/`, limit, cursor)),
          keys,
        )
      }
      assert.deepEqual(
        await readPages((cursor) => fixture.store.list(`${fixture.key}/3`, 2, cursor)),
        keys.filter((each) => each.startsWith(`${fixture.key}/3`)),
      )
      assert.ok((await readPages((cursor) => fixture.store.list('', 1000, cursor))).length >= 38)
      for (const each of [...keys, `x${fixture.key}`]) await fixture.store.delete(each)
    })

    it('take a prefix literally', async () => {
      await create()
      for (const prefix of ['*', 'test*', 'tes?', '[t]est', 'test/[^x]', '\\test', '}', 'nothing']) {
        assert.deepEqual(await readPages((cursor) => fixture.store.list(prefix, 100, cursor)), [], prefix)
        assert.deepEqual(
          await readPages((cursor) => fixture.store.listValues(prefix, 100, cursor)),
          [],
          prefix,
        )
      }
    })

    it('do not renew', async () => {
      await create(300)
      for (let i = 0; i < 4; i++) {
        await sleep(120)
        await fixture.store.list(fixture.key, 10)
      }
      assert.equal(await fixture.store.get(fixture.key), undefined)
    })
  })

  describe('values', () => {
    it('are put, replaced, read and deleted', async () => {
      const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
      assert.equal(await fixture.store.getValue(fixture.key), undefined)
      await fixture.store.putValue(fixture.key, bytes)
      assert.deepEqual(await fixture.store.getValue(fixture.key), bytes)
      await fixture.store.putValue(fixture.key, new Uint8Array(0))
      assert.deepEqual(await fixture.store.getValue(fixture.key), new Uint8Array(0))
      assert.equal(await fixture.store.deleteValue(fixture.key), true)
      assert.equal(await fixture.store.deleteValue(fixture.key), false)
      assert.equal(await fixture.store.getValue(fixture.key), undefined)
    })

    it('are listed, apart from sessions', async () => {
      await create()
      const keys = Array.from({ length: 12 }, (_, i) => `${fixture.key}/${i}`).sort()
      for (const each of keys) await fixture.store.putValue(each, utf8(each))
      assert.deepEqual(await readPages((cursor) => fixture.store.listValues(fixture.key, 5, cursor)), keys)
      assert.deepEqual(await readPages((cursor) => fixture.store.list(fixture.key, 100, cursor)), [
        fixture.key,
      ])
      for (const each of keys) await fixture.store.deleteValue(each)
      assert.deepEqual(await readPages((cursor) => fixture.store.listValues(fixture.key, 5, cursor)), [])
    })
  })
}
