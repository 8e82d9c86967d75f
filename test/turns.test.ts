import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digest } from '../server/sessions/journal.ts'
import { Turns } from '../server/turns.ts'

const bytes = (length: number, from = 0) => Uint8Array.from({ length }, (_, i) => (from + 31 * i) & 255)

/** How often other work has its turn meanwhile. */
async function turnsDuring(work: () => Promise<unknown> | undefined): Promise<number> {
  let turns = 0
  let over = false
  const count = () => {
    turns++
    if (!over) setImmediate(count)
  }
  setImmediate(count)
  await work()
  over = true
  return turns
}

test('bytes are worked through in order, once, each slice with its place', async () => {
  const pieces = [bytes(10), bytes(0), bytes(1000, 5), bytes(3, 9)]
  const whole = Buffer.concat(pieces)
  for (const most of [1, 7, 100, 1013, 5000]) {
    const found = Buffer.alloc(whole.length)
    let end = 0
    await new Turns(most).through(pieces, (slice, at) => {
      assert.ok(slice.length <= most)
      assert.equal(at, end)
      end += slice.length
      found.set(slice, at)
    })
    assert.equal(end, whole.length)
    assert.ok(found.equals(whole))
  }
})

test('little is done at once, much in turns, and many little ones as one of much', async () => {
  assert.equal(
    new Turns(100).through([bytes(60), bytes(40)], () => {}),
    undefined,
  )
  assert.ok((await turnsDuring(() => new Turns(100).through([bytes(1000)], () => {}))) >= 10)
  const small = async () => {
    const turns = new Turns(100)
    for (let k = 0; k < 50; k++) await turns.through([bytes(20)], () => {})
  }
  assert.ok((await turnsDuring(small)) >= 8)
})

test('rows are gone through in order, some at a time: large ones by their bytes, small ones by their number', async () => {
  for (const [count, size] of [
    [50, 20],
    [3, 1000],
    [100_000, 1],
    [0, 8],
  ] as const) {
    const seen: number[] = []
    const turns = await turnsDuring(() =>
      new Turns(100).rows(count, size, (from, to) => {
        for (let i = from; i < to; i++) seen.push(i)
      }),
    )
    assert.deepEqual(
      seen,
      Array.from({ length: count }, (_, i) => i),
    )
    const least = Math.min(count, Math.floor((count * size) / 100)) - 1
    assert.ok(turns >= least, `${turns} turns for ${count} rows of ${size} bytes`)
  }
})

test('joined: a copy of all pieces', async () => {
  const pieces = [bytes(300_000), bytes(2_000_000, 1), bytes(7, 2)]
  const joined = await new Turns().join(pieces)
  assert.ok(Buffer.concat(pieces).equals(joined))
  assert.notEqual((await new Turns().join(pieces.slice(0, 1))).buffer, pieces[0]?.buffer)
})

test('the digest of a step is that of its content, however large, however cut', async () => {
  const whole = bytes(5_000_001)
  const of = (parts: readonly Uint8Array[]) =>
    digest({ kind: 'step', gradients: { dtype: 'F32', parts }, loss: 0.5, changes: [[2, 0.1]] })
  // Entries of journals have it: it must not change.
  assert.equal(await of([whole]), '0c57ddcf2dbfc21a')
  assert.equal(
    await of([whole.subarray(0, 9), whole.subarray(9, 4_000_000), whole.subarray(4_000_000)]),
    '0c57ddcf2dbfc21a',
  )
  const other = whole.slice()
  other[5_000_000] = 1
  assert.notEqual(await of([other]), '0c57ddcf2dbfc21a')
})
