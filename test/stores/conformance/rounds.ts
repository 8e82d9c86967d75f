import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Appended, Head, NewEntry, Round } from '../../../server/stores/store.ts'
import { assertChained, type Fixture, MiB, newId, utf8 } from './fixture.ts'

/** Entries that make a step together, and entries that each member makes once. */
export const rounds = (fixture: Fixture): void => {
  const { create, entry, append, head, entries, snapshotAt, left, kept } = fixture

  const give = (step: number, round: Round, digest = 'd', more: Partial<NewEntry> = {}) =>
    fixture.store.append(
      fixture.key,
      entry({ after: step - 1, advance: { digest }, round, body: [utf8(digest)], ...more }),
    )
  const join = (step: number, member: string, full = 3, digest = `of ${member}`) =>
    give(step, { member, full }, digest)
  const once = (member: string, seq: number, more: Partial<NewEntry> = {}, most = 100) =>
    fixture.store.append(fixture.key, entry({ once: { member, seq, most }, ...more }))

  const headOf = (answer: Appended): Head => {
    assert.ok('head' in answer)
    return answer.head
  }
  const assertTaken = (answer: Appended, step: number, members?: number): void => {
    assert.equal(answer.status, 'appended')
    const { round, ...rest } = headOf(answer)
    assert.equal(rest.step, step)
    assert.equal(round?.members, members)
  }
  const assertRefused = (answer: Appended, known?: { seq: number; digest: string }): void => {
    assert.equal(answer.status, 'refused')
    assert.deepEqual('known' in answer ? answer.known : undefined, known)
  }

  describe('rounds', () => {
    it('make a step with the member that makes them full, each time', async () => {
      await create()
      await append({ advance: undefined })
      for (let step = 1; step <= 3; step++) {
        assertTaken(await join(step, 'a'), step - 1, 1)
        assertTaken(await join(step, `b${step}`), step - 1, 2)
        assert.equal((await head()).round?.members, 2)
        assertTaken(await join(step, 'ü/\u0000 {x}'), step)
        assert.equal((await head()).round, undefined)
        assert.equal((await head()).digest, 'of ü/\u0000 {x}')
      }
      const read = await entries()
      assertChained(read, fixture.incarnation)
      assert.deepEqual(
        read.map(({ step }) => step),
        [0, 0, 0, 1, 1, 1, 2, 2, 2, 3],
      )
    })

    it('count a member once, also after they closed, and leave nothing of a repeated one', async () => {
      await create()
      for (let step = 1; step <= 3; step++) {
        await join(step, 'a')
        const before = await kept()
        const again = { after: step - 1, advance: { digest: 'other' }, round: { member: 'a', full: 3 } }
        for (const body of [[utf8('x')], [randomBytes(2 * MiB)]]) {
          const answer = await fixture.store.append(fixture.key, entry({ ...again, body }))
          assertRefused(answer, { seq: step, digest: 'of a' })
          assert.equal(headOf(answer).round?.members, 1)
        }
        assert.deepEqual(await left(before), [])
        await join(step, 'b')
        await join(step, 'c')
        assertRefused(await join(step, 'b'), { seq: step, digest: 'of b' })
        assertRefused(await join(step, 'late'))
        if (step > 1) assertRefused(await join(step - 1, 'a'))
        assertRefused(await join(step + 2, 'a'))
        assert.equal((await entries()).length, 3 * step)
      }
    })

    it('of one close at once', async () => {
      await create()
      assertTaken(await join(1, 'a', 1), 1)
      assertTaken(await join(2, 'a', 1), 2)
      assertRefused(await join(2, 'a', 1), { seq: 2, digest: 'of a' })
    })

    it('answer alike to the last entry again', async () => {
      await create()
      const first = entry({ after: 0, round: { member: 'a', full: 2 } })
      const last = entry({ after: 0, round: { member: 'b', full: 2 } })
      for (const [made, members] of [
        [first, 1],
        [last, undefined],
      ] as const) {
        for (let i = 0; i < 2; i++) {
          const answer = await fixture.store.append(fixture.key, made)
          assertTaken(answer, members === undefined ? 1 : 0, members)
        }
      }
      assert.equal((await entries()).length, 2)
    })

    it('close with those that came, once there are enough and the time is over', async () => {
      await create()
      const close = (step: number, least: number, age: number) => give(step, { least, age })
      assertRefused(await close(1, 0, 0))
      await join(1, 'a')
      assertRefused(await close(1, 2, 0))
      assertRefused(await close(1, 1, 60_000))
      assertRefused(await close(2, 1, 0))
      await sleep(60)
      const { round } = await head()
      assert.ok(round && round.age >= 40 && round.age < 5000, `${round?.age} ms`)
      await join(1, 'b')
      assert.ok(((await head()).round?.age ?? 0) >= round.age)
      assertTaken(await close(1, 2, 40), 1)
      assertRefused(await close(1, 0, 0))
      assertRefused(await join(1, 'b'), { seq: 1, digest: 'of b' })
      assertRefused(await join(1, 'c'))
      await join(2, 'a')
      assert.ok(((await head()).round?.age ?? 60) < round.age)
    })

    it('stay open over entries that make no step', async () => {
      await create()
      await join(1, 'a')
      await append({ advance: undefined })
      assert.equal((await head()).round?.members, 1)
      await join(1, 'b')
      assertTaken(await join(1, 'c'), 1)
    })

    it('of 40 at the same time take each once and make one step', async () => {
      await create()
      const names = Array.from({ length: 20 }, (_, i) => `w${i}`)
      const answers = await Promise.all([...names, ...names].map((name) => join(1, name, 20)))
      assert.equal(answers.filter(({ status }) => status === 'appended').length, 20)
      assert.equal(answers.filter((answer) => 'known' in answer).length, 20)
      assert.deepEqual((await entries()).map(({ step }) => step).sort(), [...Array(19).fill(0), 1])
    })

    it('closed by 20 at the same time are closed once', async () => {
      await create()
      await join(1, 'a')
      const closes = await Promise.all(Array.from({ length: 20 }, () => give(1, { least: 1, age: 0 })))
      assert.equal(closes.filter(({ status }) => status === 'appended').length, 1)
      assert.equal((await head()).step, 1)
    })

    it('are kept over a snapshot of the step before', async () => {
      await create()
      for (const name of ['a', 'b', 'c']) await join(1, name)
      const { seq, id } = await head()
      await join(2, 'a')
      assert.equal(await snapshotAt(seq, id), true)
      assert.deepEqual((await entries()).length, 1)
      assertRefused(await join(2, 'a'), { seq: 2, digest: 'of a' })
      assertRefused(await join(1, 'c'), { seq: 1, digest: 'of c' })
      await join(2, 'b')
      assertTaken(await join(2, 'c'), 2)
    })

    it('live as long as their session, and go with it', async () => {
      const before = await kept()
      await create(400)
      await join(1, 'a')
      await once('m', 1, { advance: undefined })
      for (let i = 0; i < 5; i++) {
        await sleep(250)
        await fixture.store.get(fixture.key)
      }
      assertRefused(await join(1, 'a'), { seq: 1, digest: 'of a' })
      await join(1, 'b')
      await join(1, 'c')
      await join(2, 'c')
      for (let i = 0; i < 5; i++) {
        await sleep(250)
        await fixture.store.get(fixture.key)
      }
      assertRefused(await join(1, 'a'), { seq: 1, digest: 'of a' })
      assert.equal((await once('m', 1)).status, 'refused')
      await fixture.store.delete(fixture.key)
      assert.deepEqual(await left(before), [])
      fixture.incarnation = newId()
      await create(200)
      await join(1, 'a')
      assertTaken(await once('m', 1, { advance: undefined }), 0, 1)
      await sleep(700)
      assert.equal((await join(1, 'b')).status, 'missing')
      assert.deepEqual(await left(before), [])
    })
  })

  describe('entries of a member', () => {
    it('are taken once each, in the order of their numbers', async () => {
      await create()
      assertTaken(await once('a', 5, { advance: { digest: 'five' } }), 1)
      assertRefused(await once('a', 5), { seq: 5, digest: 'five' })
      assertRefused(await once('a', 4), { seq: 5, digest: 'five' })
      assertTaken(await once('b', 5), 2)
      assertTaken(await once('a', 2 ** 53 - 1, { advance: { digest: 'last' } }), 3)
      assertRefused(await once('a', 6), { seq: 2 ** 53 - 1, digest: 'last' })
    })

    it('are known over a snapshot', async () => {
      await create()
      await once('a', 1, { advance: { digest: 'one' } })
      const { seq, id } = await head()
      await snapshotAt(seq, id)
      assertRefused(await once('a', 1), { seq: 1, digest: 'one' })
    })

    it('are not taken beyond so many members', async () => {
      await create()
      for (const name of ['a', 'b', 'c']) assert.equal((await once(name, 1, {}, 3)).status, 'appended')
      const answer = await once('d', 1, {}, 3)
      assert.equal(answer.status, 'crowded')
      assert.equal(headOf(answer).step, 3)
      assert.equal((await once('b', 2, {}, 3)).status, 'appended')
      assert.equal((await entries()).length, 4)
    })

    it('of 50 at the same time take each number once', async () => {
      await create()
      const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => once('a', 1 + (i % 2))))
      const taken = answers.filter(({ status }) => status === 'appended').length
      assert.ok(taken === 1 || taken === 2, `${taken} were taken`)
      assert.equal((await head()).step, taken)
    })

    it('are refused where the session is too far, and then not counted', async () => {
      await create()
      await append()
      await append()
      assertRefused(await once('a', 1, { atMost: 1 }))
      assertTaken(await once('a', 1, { atMost: 2 }), 3)
      assert.equal((await once('a', 1, { atMost: 1 })).status, 'refused')
    })
  })

  describe('watching', () => {
    it('tells of a round that closes, until it is ended', async () => {
      await create()
      const told: string[] = []
      const end = fixture.store.watch(fixture.key, () => told.push('mine'))
      const other = fixture.store.watch(`${fixture.key}/other`, () => told.push('other'))
      await join(1, 'a', 2)
      await join(1, 'b', 2)
      for (let i = 0; i < 40 && !told.includes('mine'); i++) await sleep(50)
      assert.ok(told.includes('mine'))
      end()
      other()
      const then = told.length
      await join(2, 'a', 1)
      await sleep(600)
      assert.equal(told.length, then)
    })

    it('tells of what another that opened the store has closed', async (context) => {
      const { medium, store, key } = fixture
      if (!medium.shared) return context.skip('memory is of one process and one store')
      await create()
      const other = await medium.open()
      try {
        for (let step = 1; step <= 3; step++) {
          let ended = false
          const end = store.watch(key, async () => {
            ended ||= (await head()).step === step
          })
          const made = entry({ after: step - 1, round: { member: 'a', full: 1 } })
          assert.equal((await other.append(key, made)).status, 'appended')
          for (let i = 0; i < 100 && !ended; i++) await sleep(50)
          assert.ok(ended)
          end()
        }
      } finally {
        await other.close()
      }
    })
  })
}
