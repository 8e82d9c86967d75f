import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { appends } from './conformance/appends.ts'
import { bodies } from './conformance/bodies.ts'
import { reading } from './conformance/entries.ts'
import { entriesOf, Fixture, type Medium, newId, snapshotOf } from './conformance/fixture.ts'
import { lifetimes } from './conformance/lifetimes.ts'
import { restores } from './conformance/restores.ts'
import { rounds } from './conformance/rounds.ts'
import { sessions } from './conformance/sessions.ts'
import { snapshots } from './conformance/snapshots.ts'
import { values } from './conformance/values.ts'

/** What every store promises. `make` is called once; tests use keys of their own. */
export const conformance = (name: string, make: () => Promise<Medium>): void => {
  describe(`store: ${name}`, () => {
    const fixture = new Fixture(make)

    before(() => fixture.open())
    after(() => fixture.close())
    beforeEach(async () => {
      fixture.key = `test/${newId()}`
      fixture.incarnation = newId()
    })
    afterEach(async () => {
      await fixture.store.delete(fixture.key)
    })

    for (const suite of [sessions, lifetimes, appends, bodies, reading, snapshots, rounds, restores, values])
      suite(fixture)

    it('answers a ping', async () => {
      await fixture.store.ping()
    })

    it('is seen alike by another that opens it, at once', async (context) => {
      const { create, append, entry, entries, head, snapshotAt, key, medium, store } = fixture
      if (!medium.shared) return context.skip('memory is of one process and one store')
      const other = await medium.open()
      try {
        await create()
        for (let i = 0; i < 20; i++) {
          const { id } = await append({ body: [randomBytes(i * 100_000)] })
          const seen = await other.get(key)
          assert.equal(seen?.head.id, id)
          const mine = await entries()
          assert.deepEqual(await entriesOf(other, key, 0), mine)
          const answer = await other.append(key, entry())
          assert.equal(answer.status, 'appended')
          assert.equal((await head()).seq, 2 * i + 2)
        }
        await snapshotAt(40, (await head()).id)
        assert.deepEqual(await snapshotOf(other, key), await snapshotOf(store, key))
      } finally {
        await other.close()
      }
      assert.equal((await entries(40)).length, 0)
      assert.equal((await head()).seq, 40)
    })
  })
}
