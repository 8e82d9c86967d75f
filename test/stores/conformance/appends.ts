import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { assertChained, type Fixture, MiB, newId, utf8 } from './fixture.ts'

/** Entries are taken by compare, once, in one chain. */
export const appends = (fixture: Fixture): void => {
  const { create, entry, append, head, entries, left, kept } = fixture

  describe('append', () => {
    it('moves the head, each entry naming the one before', async () => {
      await create()
      const made = [await append(), await append(), await append()]
      const read = await entries()
      assertChained(read, fixture.incarnation)
      assert.deepEqual(
        read.map(({ id, step }) => [id, step]),
        made.map(({ id }, i) => [id, i + 1]),
      )
      assert.deepEqual(await head(), { seq: 3, id: made[2]?.id, step: 3, digest: made[2]?.advance?.digest })
    })

    it('answers with the new head and the entry before', async () => {
      await create()
      const first = entry()
      const second = entry({ advance: undefined })
      assert.deepEqual(await fixture.store.append(fixture.key, first), {
        status: 'appended',
        head: { seq: 1, id: first.id, step: 1, digest: first.advance?.digest },
        previous: fixture.incarnation,
      })
      assert.deepEqual(await fixture.store.append(fixture.key, second), {
        status: 'appended',
        head: { seq: 2, id: second.id, step: 1, digest: first.advance?.digest },
        previous: first.id,
      })
    })

    it('without a step leaves step and digest as they are', async () => {
      await create()
      await append({ advance: undefined })
      assert.equal((await head()).step, 0)
      assert.equal((await head()).digest, '')
      const { advance } = await append()
      await append({ advance: undefined })
      assert.deepEqual(
        [(await head()).seq, (await head()).step, (await head()).digest],
        [3, 1, advance?.digest],
      )
      assert.deepEqual(
        (await entries()).map(({ step }) => step),
        [0, 1, 1],
      )
    })

    it('is refused when the session is at another step, and leaves nothing', async () => {
      await create()
      await append({ after: 0 })
      const now = await head()
      const before = await kept()
      for (const body of [[], [utf8('x')], [randomBytes(3 * MiB)]]) {
        for (const step of [0, 2]) {
          assert.deepEqual(await fixture.store.append(fixture.key, entry({ after: step, body })), {
            status: 'refused',
            head: now,
          })
        }
      }
      assert.deepEqual(await head(), now)
      assert.equal((await entries()).length, 1)
      assert.deepEqual(await left(before), [])
      await append({ after: 1 })
    })

    it('is not taken for another incarnation or for no session, and leaves nothing', async () => {
      const before = await kept()
      for (const body of [[utf8('x')], [randomBytes(3 * MiB)]]) {
        assert.deepEqual(await fixture.store.append(fixture.key, entry({ body })), { status: 'missing' })
      }
      assert.deepEqual(await left(before), [])
      await create()
      const made = await kept()
      for (const body of [[utf8('x')], [randomBytes(3 * MiB)]]) {
        assert.deepEqual(await fixture.store.append(fixture.key, entry({ incarnation: newId(), body })), {
          status: 'missing',
        })
      }
      assert.deepEqual(await left(made), [])
      assert.equal((await head()).seq, 0)
    })

    it('of the last entry again is answered alike and not taken again', async () => {
      await create()
      await append()
      for (const body of [[utf8('x')], [randomBytes(2 * MiB)]]) {
        const twice = entry({ body, after: (await head()).step })
        const first = await fixture.store.append(fixture.key, twice)
        const before = await kept()
        assert.deepEqual(await fixture.store.append(fixture.key, twice), first)
        assert.deepEqual(await left(before), [])
        assert.deepEqual((await entries()).at(-1)?.body, new Uint8Array(Buffer.concat(body)))
      }
      assert.equal((await entries()).length, 3)
    })

    it('of 50 at the same step takes exactly one', async () => {
      await create()
      const all = Array.from({ length: 50 }, (_, i) => entry({ after: 0, body: [utf8(String(i))] }))
      const answers = await Promise.all(all.map((each) => fixture.store.append(fixture.key, each)))
      assert.equal(answers.filter(({ status }) => status === 'appended').length, 1)
      assert.equal(answers.filter(({ status }) => status === 'refused').length, 49)
      const [only, ...others] = await entries()
      assert.equal(others.length, 0)
      assert.equal(all[answers.findIndex(({ status }) => status === 'appended')]?.id, only?.id)
    })

    it('of several large ones at the same step takes one and leaves nothing of the others', async () => {
      await create()
      await append()
      const before = await kept()
      await append({ body: [randomBytes(3 * MiB)] })
      const ofOne = (await left(before)).length
      const all = Array.from({ length: 4 }, () => entry({ after: 2, body: [randomBytes(3 * MiB)] }))
      const then = await kept()
      const answers = await Promise.all(all.map((each) => fixture.store.append(fixture.key, each)))
      assert.deepEqual(answers.map(({ status }) => status).sort(), [
        'appended',
        'refused',
        'refused',
        'refused',
      ])
      assert.equal((await left(then)).length, ofOne)
      const taken = all[answers.findIndex(({ status }) => status === 'appended')]
      assert.deepEqual((await entries(2))[0]?.body, new Uint8Array(taken?.body[0] ?? []))
    })

    it('of 50 at any step takes all, in one chain', async () => {
      await create()
      const all = Array.from({ length: 50 }, () => entry())
      const answers = await Promise.all(all.map((each) => fixture.store.append(fixture.key, each)))
      assert.ok(answers.every(({ status }) => status === 'appended'))
      const read = await entries()
      assertChained(read, fixture.incarnation)
      assert.deepEqual(read.map(({ id }) => id).sort(), all.map(({ id }) => id).sort())
      const seqs = answers.map((answer) => (answer.status === 'appended' ? answer.head.seq : 0))
      assert.deepEqual(
        seqs.sort((a, b) => a - b),
        Array.from({ length: 50 }, (_, i) => i + 1),
      )
    })

    it('of large bodies at the same time keeps them apart', async () => {
      await create()
      const all = Array.from({ length: 6 }, (_, i) => entry({ body: [new Uint8Array(2 * MiB + i).fill(i)] }))
      const small = Array.from({ length: 20 }, () => entry())
      await Promise.all([...all, ...small].map((each) => fixture.store.append(fixture.key, each)))
      const read = await entries()
      assertChained(read, fixture.incarnation)
      for (const [i, { id }] of all.entries()) {
        const body = read.find((each) => each.id === id)?.body
        assert.equal(body?.length, 2 * MiB + i)
        assert.ok(body?.every((byte) => byte === i))
      }
    })
  })
}
