import assert from 'node:assert/strict'
import { test } from 'node:test'
import { narrowed, widened } from '../../client/typescript/bfloat16.ts'

const bits = (word: number): number => new Float32Array(Uint32Array.of(word).buffer)[0] ?? 0
const halves = (bytes: Uint8Array): number[] => [...new Uint16Array(bytes.slice().buffer)]

test('float32 is rounded to the nearest BF16, halfway to the even one', () => {
  const cases: readonly (readonly [number, number])[] = [
    [0x3f80_0000, 0x3f80],
    [0x3f80_7fff, 0x3f80],
    [0x3f80_8000, 0x3f80], // halfway: 0x3f80 is even
    [0x3f80_8001, 0x3f81],
    [0x3f81_8000, 0x3f82], // halfway: 0x3f82 is even
    [0xbf81_8000, 0xbf82],
    [0x7f7f_ffff, 0x7f80], // the largest float32 is beyond BF16
    [0x7f80_0000, 0x7f80],
    [0x7fc0_0000, 0x7fc0],
    [0x7f80_0001, 0x7fc0], // a NaN whose upper half alone would be infinity
    [0x8000_0000, 0x8000],
  ]
  for (const [word, half] of cases)
    assert.deepEqual(halves(narrowed(Float32Array.of(bits(word)))), [half], word.toString(16))
})

test('BF16 is widened exactly, wherever it lies', () => {
  const numbers = [1, -2.5, 0.0078125, 1e38].map((x) => widened(narrowed(Float32Array.of(x)))[0] ?? 0)
  assert.deepEqual(numbers.slice(0, 3), [1, -2.5, 0.0078125])
  const bytes = narrowed(Float32Array.from(numbers))
  for (const shift of [0, 1, 2, 3]) {
    const moved = new Uint8Array(bytes.length + shift)
    moved.set(bytes, shift)
    assert.deepEqual([...widened(moved.subarray(shift))], numbers)
  }
})
