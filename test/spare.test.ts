import assert from 'node:assert/strict'
import { mock, test } from 'node:test'

mock.timers.enable({ apis: ['setTimeout'] })
const { give, take } = await import('../server/spare.ts')
const MiB = 2 ** 20

test('what was given is taken again, whole and by its length', () => {
  const [one, other] = [take(2 * MiB), take(2 * MiB)]
  assert.notEqual(one.buffer, other.buffer)
  for (const bytes of [one, other]) give(bytes)
  assert.equal(take(2 * MiB), other)
  assert.equal(take(2 * MiB), one)
})

test('what nobody takes for ten seconds goes, also where others come and go', () => {
  const [one, other] = [take(3 * MiB), take(3 * MiB)]
  give(one)
  for (let second = 0; second < 20; second++) {
    assert.equal(one.length, 3 * MiB)
    give(other)
    mock.timers.tick(1000)
    if (second < 19) assert.equal(take(3 * MiB), other)
  }
  assert.deepEqual([one.length, other.length], [0, 3 * MiB])
  mock.timers.tick(20_000)
  assert.equal(other.length, 0)
})

test('there is no more of it than was in use', () => {
  const all = [1, 2, 3].map((size) => take(size * MiB))
  for (const bytes of all) give(bytes)
  const large = take(3 * MiB - 1)
  assert.equal(large.length, 3 * MiB - 1)
  assert.deepEqual(
    all.map(({ length }) => length),
    [0, 0, 3 * MiB],
  )
})

test('what is small is made anew, and nothing goes for it', () => {
  const large = take(MiB)
  give(large)
  const small = take(1000)
  give(small)
  assert.notEqual(take(1000), small)
  assert.equal(take(MiB), large)
})
