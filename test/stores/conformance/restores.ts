import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import type { NewEntry } from '../../../server/stores/store.ts'
import { type Fixture, MiB, newId, snapshotOf, utf8 } from './fixture.ts'

/** Entries that take the place of all before them. */
export const restores = (fixture: Fixture): void => {
  const { create, entry, append, head, entries, snapshotAt, left, kept } = fixture

  const state = (step: number, more: Partial<NewEntry> = {}): NewEntry =>
    entry({ restores: step, meta: utf8('how'), body: [utf8('state')], ...more })

  describe('restores', () => {
    it('put the session at their step, back or ahead, and are its snapshot', async () => {
      await create()
      for (const [before, step] of [
        [0, 7],
        [2, 1],
        [1, 0],
      ] as const) {
        for (let i = 0; i < before; i++) await append()
        const from = await head()
        const made = state(step)
        assert.deepEqual(await fixture.store.append(fixture.key, made), {
          status: 'appended',
          head: { seq: from.seq + 1, id: made.id, step, digest: made.advance?.digest },
          previous: from.id,
        })
        assert.deepEqual(await snapshotOf(fixture.store, fixture.key), {
          seq: from.seq + 1,
          id: made.id,
          meta: utf8('how'),
          body: utf8('state'),
        })
        assert.deepEqual(await entries(), [])
        const next = await append({ after: step })
        assert.deepEqual(
          (await entries()).map(({ seq, id, previous, step }) => [seq, id, previous, step]),
          [[from.seq + 2, next.id, made.id, step + 1]],
        )
      }
    })

    it('free what came before, small and large', async () => {
      await create()
      await append()
      const before = await kept()
      let last = await append({ body: [randomBytes(3 * MiB)] })
      assert.equal(await snapshotAt(2, last.id, [randomBytes(2 * MiB)]), true)
      for (const size of [2 * MiB, 10, 3 * MiB]) {
        await append({ body: [randomBytes(3 * MiB)] })
        last = await append()
        const body = randomBytes(size)
        await append({ ...state(4), body: [body] })
        assert.deepEqual((await snapshotOf(fixture.store, fixture.key))?.body, new Uint8Array(body))
      }
      await append({ ...state(4), body: [utf8('x')] })
      assert.ok((await left(before)).length <= 3, String(await left(before)))
    })

    it('are refused where the session is elsewhere, or another, and leave nothing', async () => {
      await create()
      await append()
      const now = await head()
      const before = await kept()
      for (const body of [[utf8('x')], [randomBytes(3 * MiB)]]) {
        assert.deepEqual(await fixture.store.append(fixture.key, state(5, { after: 0, body })), {
          status: 'refused',
          head: now,
        })
        const other = state(5, { incarnation: newId(), body })
        assert.deepEqual(await fixture.store.append(fixture.key, other), { status: 'missing' })
      }
      assert.deepEqual(await left(before), [])
      assert.deepEqual(await head(), now)
      assert.equal(await snapshotOf(fixture.store, fixture.key), undefined)
      assert.equal((await entries()).length, 1)
    })

    it('again are answered alike and not taken again', async () => {
      await create()
      await append()
      for (const body of [[utf8('x')], [randomBytes(2 * MiB)]]) {
        const twice = state(9, { body })
        const first = await fixture.store.append(fixture.key, twice)
        assert.deepEqual(await fixture.store.append(fixture.key, twice), first)
        assert.deepEqual((await snapshotOf(fixture.store, fixture.key))?.id, twice.id)
      }
      assert.equal((await head()).seq, 3)
    })

    it('are replaced by the snapshots that follow, and by no older one', async () => {
      await create()
      const older = await append()
      const made = await append(state(3))
      assert.equal(await snapshotAt(1, older.id), false)
      assert.equal(await snapshotAt(2, made.id), false)
      const { id } = await append({ after: 3 })
      await append()
      assert.equal(await snapshotAt(3, id), true)
      assert.equal((await snapshotOf(fixture.store, fixture.key))?.seq, 3)
      assert.equal((await head()).step, 5)
    })

    it('end an open round, and no member has been in those that follow', async () => {
      await create()
      const join = (step: number, member: string, full: number) =>
        fixture.store.append(fixture.key, entry({ after: step - 1, round: { member, full } }))
      const statuses = async (step: number) => [
        (await join(step, 'a', 2)).status,
        (await join(step, 'b', 2)).status,
      ]
      assert.deepEqual(await statuses(1), ['appended', 'appended'])
      await join(2, 'a', 2)
      await append(state(0))
      assert.equal((await head()).round, undefined)
      assert.deepEqual(await statuses(1), ['appended', 'appended'])
      await join(2, 'b', 2)
      await append(state(1))
      assert.equal((await join(1, 'a', 2)).status, 'refused')
      assert.deepEqual(await statuses(2), ['appended', 'appended'])
      assert.equal((await head()).step, 2)
    })

    it('keep what is known of members beside rounds', async () => {
      await create()
      const once = { member: 'a', seq: 4, most: 10 }
      await append({ once })
      await append(state(0))
      const answer = await fixture.store.append(fixture.key, entry({ once }))
      assert.ok(answer.status === 'refused' && answer.known?.seq === 4)
    })

    it('are told to those who wait', async () => {
      await create()
      let stop = () => {}
      const told = new Promise<void>((resolve) => {
        stop = fixture.store.watch(fixture.key, resolve)
      })
      await new Promise((resolve) => setTimeout(resolve, 100))
      await append(state(3))
      await told
      stop()
    })
  })
}
