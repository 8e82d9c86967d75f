import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drop } from '../server/garbage.ts'

test('a buffer that is dropped is given back at once, and nothing else with it', () => {
  const own = Buffer.allocUnsafeSlow(65_536)
  drop(own, true)
  assert.equal(own.length, 0)
  const whole = Buffer.alloc(4096, 7)
  const part = whole.subarray(1024, 2048)
  drop(part, true)
  const others = Buffer.alloc(4096, 7)
  drop(others, false)
  for (const kept of [whole, others]) assert.ok(kept.equals(Buffer.alloc(4096, 7)))
})

test('a hundred megabytes that come and go leave nothing to look for', () => {
  const before = process.memoryUsage().arrayBuffers
  // As many as end where a collection would be due in two megabytes.
  for (let k = 0; k < 1632; k++) drop(Buffer.allocUnsafeSlow(65_536).fill(k), true)
  assert.ok(process.memoryUsage().arrayBuffers - before < 2 ** 20)
})
