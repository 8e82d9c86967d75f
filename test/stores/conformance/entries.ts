import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import type { Entry } from '../../../server/stores/store.ts'
import { type Fixture, newId } from './fixture.ts'

/** Entries are read in order, whatever happens to them meanwhile. */
export const reading = (fixture: Fixture): void => {
  const { create, append, entries, snapshotAt } = fixture

  describe('entries', () => {
    it('start after the one that is named', async () => {
      await create()
      const ids: string[] = []
      for (let i = 0; i < 150; i++) ids.push((await append()).id)
      for (const seq of [0, 1, 64, 149, 150, 200]) {
        assert.deepEqual(
          (await entries(seq)).map(({ id }) => id),
          ids.slice(seq),
        )
      }
    })

    it('of no session are none', async () => {
      assert.deepEqual(await entries(), [])
    })

    it('may be read while more come, and left before the end', async () => {
      await create()
      await append()
      const seen: number[] = []
      for await (const { seq } of fixture.store.entries(fixture.key, 0)) {
        seen.push(seq)
        if (seq < 5) await append()
        if (seq === 4) break
      }
      assert.deepEqual(seen, [1, 2, 3, 4])
    })

    it('go on after a snapshot that is put while they are read', async () => {
      await create()
      const ids: string[] = []
      for (let i = 0; i < 30; i++) ids.push((await append({ body: [randomBytes(10)] })).id)
      const seen: Entry[] = []
      for await (const read of fixture.store.entries(fixture.key, 0)) {
        seen.push(read)
        if (read.seq === 2) await snapshotAt(25, ids[24] ?? '')
      }
      const seqs = seen.map(({ seq }) => seq)
      // Some may have been on their way already; none comes twice, and all that are kept come.
      assert.deepEqual(
        seqs,
        [...new Set(seqs)].sort((a, b) => a - b),
      )
      assert.deepEqual(seqs.slice(-5), [26, 27, 28, 29, 30])
      for (const { seq, id } of seen) assert.equal(id, ids[seq - 1])
    })

    it('end where the session is deleted while they are read', async () => {
      await create()
      for (let i = 0; i < 30; i++) await append()
      let last = 0
      for await (const { seq } of fixture.store.entries(fixture.key, 0)) {
        last = seq
        if (seq === 1) {
          await fixture.store.delete(fixture.key)
          fixture.incarnation = newId()
          await create()
          await append()
        }
      }
      assert.ok(last < 30)
    })
  })
}
