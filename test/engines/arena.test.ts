import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Arena } from '../../server/engines/wasm/arena.ts'

test('what an arena gives out overlaps nothing, and all of it comes back', () => {
  const arena = new Arena()
  const held = new Map<number, number>()
  let x = 7
  const random = (below: number) => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0
    return Math.floor((x / 2 ** 32) * below)
  }
  for (let i = 0; i < 3000; i++) {
    if (held.size > 0 && random(5) < 2) {
      const at = [...held.keys()][random(held.size)] ?? 0
      arena.give(at)
      held.delete(at)
      continue
    }
    const size = random(random(10) === 0 ? 300_000 : 2000)
    const at = arena.take(size)
    assert.ok(at !== undefined && at > 0 && at % 64 === 0)
    for (const [other, length] of held)
      assert.ok(at + size <= other || other + length <= at, `${at} and ${other} overlap`)
    assert.ok(at + size + 16 <= arena.memory.buffer.byteLength, 'a vector read at the end leaves the memory')
    held.set(at, size)
  }
  for (const at of held.keys()) arena.give(at)
  assert.equal(arena.taken, 0)
  // All is one range again: what there is can be taken at once, without growing.
  const length = arena.memory.buffer.byteLength
  assert.ok(arena.take(length - 200) !== undefined)
  assert.equal(arena.memory.buffer.byteLength, length)
})

test('an arena ends at 4 GiB', () => {
  const arena = new Arena()
  assert.equal(arena.take(2 ** 32), undefined)
  assert.throws(() => arena.give(64), /Nothing was taken/)
})
