import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Packr } from 'msgpackr'
import { Bin, binHead, pack } from '../../server/http/pack.ts'
import { checkPlain } from '../../server/http/plain.ts'
import { chunksOf } from '../../server/http/send.ts'

const packr = new Packr({ useRecords: false })
const bytes = (length: number) => Buffer.alloc(length, 7)

test('what is packed is plain msgpack and reads as it was', () => {
  for (const length of [0, 1, 255, 256, 65_535, 65_536, 100_000]) {
    const whole = Buffer.concat(
      pack({ n: -1.5, yes: true, data: new Bin([bytes(length)]), 'ключ ключ ключ ключ': null }),
    )
    checkPlain(whole)
    assert.deepEqual(packr.unpack(whole), {
      n: -1.5,
      yes: true,
      data: bytes(length),
      'ключ ключ ключ ключ': null,
    })
  }
})

test('a bin of several pieces is one bin', () => {
  const whole = Buffer.concat(pack({ data: new Bin([bytes(3), bytes(0), bytes(300)]), after: 1 }))
  assert.deepEqual(packr.unpack(whole), { data: bytes(303), after: 1 })
})

test('maps of any size', () => {
  for (const count of [0, 1, 15, 16, 65_535, 65_536]) {
    const inner = Object.fromEntries(
      Array.from({ length: count }, (_, i) => [`t${i}`, new Bin([Buffer.of(i & 255)])]),
    )
    const read = packr.unpack(Buffer.concat(pack({ inner, stats: { a: 1 } })))
    assert.equal(Object.keys(read.inner).length, count)
    if (count > 0) assert.deepEqual(read.inner[`t${count - 1}`], Buffer.of((count - 1) & 255))
    assert.deepEqual(read.stats, { a: 1 })
  }
})

test('bins are not copied, and are at most as long as msgpack can say', () => {
  const own = bytes(1000)
  assert.ok(pack({ data: new Bin([own]) }).includes(own))
  assert.deepEqual([...binHead(2 ** 32 - 1)], [0xc6, 255, 255, 255, 255])
  assert.throws(() => binHead(2 ** 32), /4294967296 bytes/)
})

test('chunks for a socket: the same bytes, none large, few small', () => {
  const sizes = [1, 5, 70_000, 3, ...new Array(3000).fill(50), 3_000_000, 0, 65_536, 65_537, 2]
  const pieces = sizes.map((size, i) => Buffer.alloc(size, i))
  const chunks = [...chunksOf(pieces)]
  assert.ok(Buffer.concat(chunks).equals(Buffer.concat(pieces)))
  for (const { length } of chunks) assert.ok(length > 0 && length <= 2 ** 20)
  assert.ok(chunks.length <= 15, `${chunks.length} chunks`)
  // Large ones are views, not copies.
  assert.ok(chunks.some(({ buffer }) => buffer === pieces.find(({ length }) => length === 3_000_000)?.buffer))
})
