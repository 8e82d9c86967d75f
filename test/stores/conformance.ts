import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Entry, NewEntry, Page, Snapshot, Store } from '../../server/stores/store.ts'

/** One medium, empty at first: opened as often as a test likes, and looked into from beside the store. */
export interface Medium {
  readonly open: () => Promise<Store>
  /** All keys that the medium holds, by its own account; none where nobody can look into it. */
  readonly kept?: () => Promise<readonly string[]>
  /** Whether another store on the same medium sees the same. */
  readonly shared: boolean
  readonly remove: () => Promise<void>
}

const MINUTE = 60_000
const MiB = 1 << 20

export const newId = (): string => randomBytes(16).toString('hex')
const utf8 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))
const string = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

export const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** Each entry follows the one before, the first one the session itself. */
export const assertChained = (entries: readonly Entry[], incarnation: string): void => {
  let previous = incarnation
  for (const [i, entry] of entries.entries()) {
    assert.equal(entry.seq, i + 1)
    assert.equal(entry.previous, previous)
    previous = entry.id
  }
}

const readPages = async (page: (cursor?: string) => Promise<Page>): Promise<string[]> => {
  const keys: string[] = []
  let cursor: string | undefined
  for (let pages = 0; pages < 1000; pages++) {
    const read = await page(cursor)
    keys.push(...read.keys)
    cursor = read.cursor
    // A key may come twice.
    if (cursor === undefined) return [...new Set(keys)].sort()
  }
  throw new Error('The pages do not end')
}

/** What every store promises. `make` is called once; tests use keys of their own. */
export const conformance = (name: string, make: () => Promise<Medium>): void => {
  describe(`store: ${name}`, () => {
    let medium: Medium
    let store: Store
    let key: string
    let incarnation: string

    before(async () => {
      medium = await make()
      store = await medium.open()
    })
    after(async () => {
      await store.close()
      await medium.remove()
    })
    beforeEach(async () => {
      key = `test/${newId()}`
      incarnation = newId()
    })
    afterEach(async () => {
      await store.delete(key)
    })

    const create = (ttl = MINUTE) => store.create(key, { incarnation, record: utf8('record'), ttl })
    const entry = (options: Partial<NewEntry> = {}): NewEntry => ({
      id: newId(),
      meta: utf8('meta'),
      body: [utf8('body')],
      incarnation,
      advance: { digest: newId() },
      ...options,
    })
    const append = async (options: Partial<NewEntry> = {}) => {
      const made = entry(options)
      const answer = await store.append(key, made)
      assert.equal(answer.status, 'appended')
      return made
    }
    const head = async () => {
      const session = await store.get(key)
      assert.ok(session)
      return session.head
    }
    const entries = (seq = 0) => collect(store.entries(key, seq))
    const snapshotAt = (seq: number, id: string, body = [utf8('state')]) =>
      store.putSnapshot(key, { seq, id, meta: utf8('how'), body, incarnation })
    /** What is kept beyond what was there before. */
    const left = async (before: readonly string[]) => {
      const known = new Set(before)
      return ((await medium.kept?.()) ?? []).filter((kept) => !known.has(kept))
    }
    const kept = async () => (await medium.kept?.()) ?? []

    describe('sessions', () => {
      it('are created with a head that is themselves', async () => {
        const start = Date.now()
        const { created, session } = await create()
        assert.equal(created, true)
        assert.equal(session.incarnation, incarnation)
        assert.equal(string(session.record), 'record')
        assert.deepEqual(session.head, { seq: 0, id: incarnation, step: 0, digest: '' })
        assert.equal(session.ttl, MINUTE)
        assert.ok(Math.abs(session.created - start) < 5000)
        assert.ok(Math.abs(session.expires - session.created - MINUTE) < 5000)
      })

      it('are found as they were made', async () => {
        const { session } = await create()
        const found = await store.get(key)
        assert.ok(found)
        assert.deepEqual({ ...found, expires: 0 }, { ...session, expires: 0 })
        assert.equal(await store.get(`${key}x`), undefined)
      })

      it('are attached to when they exist, unchanged', async () => {
        await create()
        await append()
        const other = await store.create(key, { incarnation: newId(), record: utf8('other'), ttl: 5 })
        assert.equal(other.created, false)
        assert.equal(other.session.incarnation, incarnation)
        assert.equal(string(other.session.record), 'record')
        assert.equal(other.session.ttl, MINUTE)
        assert.equal(other.session.head.seq, 1)
      })

      it('are created once by many at the same time', async () => {
        const made = await Promise.all(
          Array.from({ length: 20 }, () =>
            store.create(key, { incarnation: newId(), record: utf8('r'), ttl: MINUTE }),
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
          await store.create(key, { incarnation, record, ttl: MINUTE })
          const found = await store.get(key)
          assert.ok(found && Buffer.compare(found.record, record) === 0)
          await store.delete(key)
        }
      })

      it('take keys of all allowed characters, up to 300', async () => {
        const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-/:'
        key = letters.padEnd(300, 'x')
        const shorter = letters.padEnd(299, 'x')
        await create()
        await append()
        assert.equal(await store.get(shorter), undefined)
        assert.equal((await entries()).length, 1)
        assert.deepEqual(await readPages((cursor) => store.list(key, 10, cursor)), [key])
      })

      it('are deleted with all their bytes', async () => {
        const before = await kept()
        await create()
        const first = await append({ body: [randomBytes(3 * MiB)] })
        await append({ body: [] })
        assert.equal(await snapshotAt(1, first.id, [randomBytes(2 * MiB)]), true)
        await append()
        if (medium.kept) assert.notDeepEqual(await left(before), [])
        assert.equal(await store.delete(key), true)
        assert.deepEqual(await left(before), [])
        assert.equal(await store.get(key), undefined)
        assert.equal(await store.snapshot(key), undefined)
        assert.deepEqual(await entries(), [])
        assert.equal(await store.delete(key), false)
      })

      it('made again are another incarnation, with nothing of the former', async () => {
        await create()
        const { id } = await append()
        await snapshotAt(1, id)
        await append()
        await store.delete(key)
        const former = incarnation
        incarnation = newId()
        await create()
        assert.deepEqual(await entries(), [])
        assert.equal(await store.snapshot(key), undefined)
        assert.deepEqual(await store.append(key, entry({ incarnation: former })), { status: 'missing' })
        assert.deepEqual(await head(), { seq: 0, id: incarnation, step: 0, digest: '' })
      })
    })

    describe('time to live', () => {
      it('ends a session that is not used', async () => {
        const before = await kept()
        await create(200)
        const { id } = await append({ body: [randomBytes(600_000)] })
        await sleep(450)
        assert.equal(await store.get(key), undefined)
        assert.deepEqual(await store.append(key, entry()), { status: 'missing' })
        assert.equal(await snapshotAt(1, id), false)
        assert.equal(await store.setTtl(key, 5), false)
        assert.equal(await store.delete(key), false)
        assert.deepEqual(await entries(), [])
        assert.deepEqual(await readPages((cursor) => store.list(key, 10, cursor)), [])
        await sleep(300)
        assert.deepEqual(await left(before), [])
      })

      it('starts anew with every use', async () => {
        await create(400)
        const { id } = await append()
        const uses = [
          () => store.get(key),
          () => append(),
          () => entries(1),
          () => store.snapshot(key),
          () => store.append(key, entry({ after: 99 })),
          () => store.create(key, { incarnation: newId(), record: utf8(''), ttl: 1 }),
          () => snapshotAt(1, id),
          () => store.setTtl(key, 400),
        ]
        for (const use of [...uses, ...uses.slice(0, 4)]) {
          await sleep(250)
          await use()
        }
        assert.equal((await entries()).at(-1)?.seq, 3)
        assert.equal(string((await store.snapshot(key))?.body ?? utf8('')), 'state')
      })

      it('is changed, and counts from then', async () => {
        await create(MINUTE)
        await append()
        assert.equal(await store.setTtl(key, 10 * MINUTE), true)
        const longer = await store.get(key)
        assert.equal(longer?.ttl, 10 * MINUTE)
        assert.ok((longer?.expires ?? 0) - Date.now() > 9 * MINUTE)
        assert.equal(await store.setTtl(key, 100), true)
        await sleep(300)
        assert.equal(await store.get(key), undefined)
      })

      it('leaves the key free for another', async () => {
        await create(100)
        await append()
        await sleep(250)
        incarnation = newId()
        assert.equal((await create()).created, true)
        assert.deepEqual(await entries(), [])
        assert.equal((await append()).incarnation, incarnation)
        assert.equal((await entries()).length, 1)
      })
    })

    describe('append', () => {
      it('moves the head, each entry naming the one before', async () => {
        await create()
        const made = [await append(), await append(), await append()]
        const read = await entries()
        assertChained(read, incarnation)
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
        assert.deepEqual(await store.append(key, first), {
          status: 'appended',
          head: { seq: 1, id: first.id, step: 1, digest: first.advance?.digest },
          previous: incarnation,
        })
        assert.deepEqual(await store.append(key, second), {
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
            assert.deepEqual(await store.append(key, entry({ after: step, body })), {
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
          assert.deepEqual(await store.append(key, entry({ body })), { status: 'missing' })
        }
        assert.deepEqual(await left(before), [])
        await create()
        const made = await kept()
        for (const body of [[utf8('x')], [randomBytes(3 * MiB)]]) {
          assert.deepEqual(await store.append(key, entry({ incarnation: newId(), body })), {
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
          const first = await store.append(key, twice)
          const before = await kept()
          assert.deepEqual(await store.append(key, twice), first)
          assert.deepEqual(await left(before), [])
          assert.deepEqual((await entries()).at(-1)?.body, new Uint8Array(Buffer.concat(body)))
        }
        assert.equal((await entries()).length, 3)
      })

      it('of 50 at the same step takes exactly one', async () => {
        await create()
        const all = Array.from({ length: 50 }, (_, i) => entry({ after: 0, body: [utf8(String(i))] }))
        const answers = await Promise.all(all.map((each) => store.append(key, each)))
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
        const answers = await Promise.all(all.map((each) => store.append(key, each)))
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
        const answers = await Promise.all(all.map((each) => store.append(key, each)))
        assert.ok(answers.every(({ status }) => status === 'appended'))
        const read = await entries()
        assertChained(read, incarnation)
        assert.deepEqual(read.map(({ id }) => id).sort(), all.map(({ id }) => id).sort())
        const seqs = answers.map((answer) => (answer.status === 'appended' ? answer.head.seq : 0))
        assert.deepEqual(
          seqs.sort((a, b) => a - b),
          Array.from({ length: 50 }, (_, i) => i + 1),
        )
      })

      it('of large bodies at the same time keeps them apart', async () => {
        await create()
        const all = Array.from({ length: 6 }, (_, i) =>
          entry({ body: [new Uint8Array(2 * MiB + i).fill(i)] }),
        )
        const small = Array.from({ length: 20 }, () => entry())
        await Promise.all([...all, ...small].map((each) => store.append(key, each)))
        const read = await entries()
        assertChained(read, incarnation)
        for (const [i, { id }] of all.entries()) {
          const body = read.find((each) => each.id === id)?.body
          assert.equal(body?.length, 2 * MiB + i)
          assert.ok(body?.every((byte) => byte === i))
        }
      })
    })

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
          const snapshot = await store.snapshot(key)
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
        assert.ok(!medium.kept || (await left(before)).length <= 4)
      })

      it('may be overwritten by the caller once the promise has resolved', async () => {
        await create()
        for (const size of [10, MiB, 3 * MiB]) {
          const body = new Uint8Array(size).fill(7)
          const meta = new Uint8Array(3).fill(7)
          const record = new Uint8Array(3).fill(7)
          const { id } = await append({ body: [body], meta })
          const { seq } = await head()
          await store.create(`${key}/2`, { incarnation: newId(), record, ttl: MINUTE })
          await store.putValue(`${key}/value`, record)
          for (const bytes of [body, meta, record]) bytes.fill(9)
          const read = (await entries(seq - 1))[0]
          assert.ok(read?.body.every((byte) => byte === 7) && read.meta.every((byte) => byte === 7))
          assert.ok((await store.get(`${key}/2`))?.record.every((byte) => byte === 7))
          assert.ok((await store.getValue(`${key}/value`))?.every((byte) => byte === 7))
          const state = new Uint8Array(size).fill(7)
          assert.equal(await snapshotAt(seq, id, [state]), true)
          state.fill(9)
          assert.ok((await store.snapshot(key))?.body.every((byte) => byte === 7))
          await store.delete(`${key}/2`)
          await store.deleteValue(`${key}/value`)
        }
      })

      it('read may be overwritten without harm to what is kept', async () => {
        await create()
        const { id } = await append({ body: [utf8('kept')], advance: undefined })
        for (let i = 0; i < 2; i++) {
          const session = await store.get(key)
          const [read] = await entries()
          assert.equal(string(session?.record ?? utf8('')), 'record')
          assert.equal(string(read?.body ?? utf8('')), 'kept')
          for (const bytes of [session?.record, read?.body, read?.meta]) bytes?.fill(0)
        }
        await snapshotAt(1, id)
        ;(await store.snapshot(key))?.body.fill(0)
        assert.equal(string((await store.snapshot(key))?.body ?? utf8('')), 'state')
      })
    })

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
        for await (const { seq } of store.entries(key, 0)) {
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
        for await (const read of store.entries(key, 0)) {
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
        for await (const { seq } of store.entries(key, 0)) {
          last = seq
          if (seq === 1) {
            await store.delete(key)
            incarnation = newId()
            await create()
            await append()
          }
        }
        assert.ok(last < 30)
      })
    })

    describe('snapshots', () => {
      it('are none at first', async () => {
        assert.equal(await store.snapshot(key), undefined)
        await create()
        assert.equal(await store.snapshot(key), undefined)
      })

      it('come back as put, and stand for the entries up to theirs', async () => {
        await create()
        const made = [await append(), await append(), await append()]
        const id = made[1]?.id ?? ''
        assert.equal(await snapshotAt(2, id), true)
        const expected: Snapshot = { seq: 2, id, meta: utf8('how'), body: utf8('state') }
        assert.deepEqual(await store.snapshot(key), expected)
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
        assert.equal((await store.snapshot(key))?.seq, 12)
        assert.deepEqual(await entries(), [])
        assert.ok((await left(before)).length <= 4, String(await left(before)))
      })

      it('of the session itself, before any entry', async () => {
        await create()
        assert.equal(await snapshotAt(0, incarnation), true)
        assert.equal(await snapshotAt(0, incarnation), false)
        await append()
        assert.equal((await store.snapshot(key))?.seq, 0)
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
          assert.equal(await snapshotAt(0, incarnation, body), false)
          assert.equal(await snapshotAt(3, newId(), body), false)
          assert.equal(await snapshotAt(5, newId(), body), false)
          const other = { seq: 3, id: third, meta: utf8(''), body, incarnation: newId() }
          assert.equal(await store.putSnapshot(key, other), false)
          assert.equal(await store.putSnapshot(`${key}/none`, { ...other, incarnation }), false)
        }
        assert.equal(string((await store.snapshot(key))?.body ?? utf8('')), 'state')
        assert.equal((await entries()).length, 2)
        assert.deepEqual(await left(before), [])
      })

      it('put by several at the same time: one stays', async () => {
        await create()
        const { id } = await append()
        const before = await kept()
        const put = await Promise.all(
          Array.from({ length: 5 }, (_, i) => snapshotAt(1, id, [new Uint8Array(MiB).fill(i)])),
        )
        assert.equal(put.filter(Boolean).length, 1)
        const body = (await store.snapshot(key))?.body
        assert.ok(body?.every((byte) => byte === put.indexOf(true)))
        assert.ok((await left(before)).length <= 4)
      })
    })

    describe('lists', () => {
      it('have the keys that start with a prefix, page by page', async () => {
        const keys = Array.from({ length: 37 }, (_, i) => `${key}/${i}`).sort()
        for (const each of keys) {
          await store.create(each, { incarnation: newId(), record: utf8(''), ttl: MINUTE })
        }
        await store.create(`x${key}`, { incarnation: newId(), record: utf8(''), ttl: MINUTE })
        for (const limit of [1, 5, 36, 37, 1000]) {
          assert.deepEqual(await readPages((cursor) => store.list(`${key}/`, limit, cursor)), keys)
        }
        assert.deepEqual(
          await readPages((cursor) => store.list(`${key}/3`, 2, cursor)),
          keys.filter((each) => each.startsWith(`${key}/3`)),
        )
        assert.ok((await readPages((cursor) => store.list('', 1000, cursor))).length >= 38)
        for (const each of [...keys, `x${key}`]) await store.delete(each)
      })

      it('take a prefix literally', async () => {
        await create()
        for (const prefix of ['*', 'test*', 'tes?', '[t]est', 'test/[^x]', '\\test', '}', 'nothing']) {
          assert.deepEqual(await readPages((cursor) => store.list(prefix, 100, cursor)), [], prefix)
          assert.deepEqual(await readPages((cursor) => store.listValues(prefix, 100, cursor)), [], prefix)
        }
      })

      it('do not renew', async () => {
        await create(300)
        for (let i = 0; i < 4; i++) {
          await sleep(120)
          await store.list(key, 10)
        }
        assert.equal(await store.get(key), undefined)
      })
    })

    describe('values', () => {
      it('are put, replaced, read and deleted', async () => {
        const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
        assert.equal(await store.getValue(key), undefined)
        await store.putValue(key, bytes)
        assert.deepEqual(await store.getValue(key), bytes)
        await store.putValue(key, new Uint8Array(0))
        assert.deepEqual(await store.getValue(key), new Uint8Array(0))
        assert.equal(await store.deleteValue(key), true)
        assert.equal(await store.deleteValue(key), false)
        assert.equal(await store.getValue(key), undefined)
      })

      it('are listed, apart from sessions', async () => {
        await create()
        const keys = Array.from({ length: 12 }, (_, i) => `${key}/${i}`).sort()
        for (const each of keys) await store.putValue(each, utf8(each))
        assert.deepEqual(await readPages((cursor) => store.listValues(key, 5, cursor)), keys)
        assert.deepEqual(await readPages((cursor) => store.list(key, 100, cursor)), [key])
        for (const each of keys) await store.deleteValue(each)
        assert.deepEqual(await readPages((cursor) => store.listValues(key, 5, cursor)), [])
      })
    })

    it('answers a ping', async () => {
      await store.ping()
    })

    it('is seen alike by another that opens it, at once', async (context) => {
      if (!medium.shared) return context.skip('memory is of one process and one store')
      const other = await medium.open()
      try {
        await create()
        for (let i = 0; i < 20; i++) {
          const { id } = await append({ body: [randomBytes(i * 100_000)] })
          const seen = await other.get(key)
          assert.equal(seen?.head.id, id)
          const mine = await entries()
          assert.deepEqual(await collect(other.entries(key, 0)), mine)
          const answer = await other.append(key, entry())
          assert.equal(answer.status, 'appended')
          assert.equal((await head()).seq, 2 * i + 2)
        }
        await snapshotAt(40, (await head()).id)
        assert.deepEqual(await other.snapshot(key), await store.snapshot(key))
      } finally {
        await other.close()
      }
      assert.equal((await entries(40)).length, 0)
      assert.equal((await head()).seq, 40)
    })
  })
}
