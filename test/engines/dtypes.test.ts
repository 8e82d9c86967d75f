import assert from 'node:assert/strict'
import { test } from 'node:test'
import { narrow, widen } from '../../server/engines/dtypes.ts'

const bits = (...values: number[]) => new Uint8Array(Uint16Array.from(values).buffer)
const every = Array.from({ length: 65536 }, (_, i) => i)

for (const dtype of ['F16', 'BF16'] as const) {
  const values = widen({ dtype, bytes: bits(...every) })

  test(`${dtype}: every number is read and written back as it was`, () => {
    const back = new Uint16Array(narrow(values, dtype).buffer)
    for (const i of every) if (!Number.isNaN(values[i])) assert.equal(back[i], i)
    assert.ok(Number.isNaN(widen({ dtype, bytes: narrow(Float64Array.of(Number.NaN), dtype) })[0]))
  })

  test(`${dtype}: between two numbers the nearer is taken, and of equally near the even one`, () => {
    const last = dtype === 'F16' ? 0x7bff : 0x7f7f
    for (let i = 0; i < last; i += 7) {
      const [low = 0, high = 0] = [values[i], values[i + 1]]
      const middle = (low + high) / 2
      const near = (x: number) => new Uint16Array(narrow(Float64Array.of(x), dtype).buffer)[0]
      assert.equal(near(low + (high - low) * 0.4), i)
      assert.equal(near(low + (high - low) * 0.6), i + 1)
      assert.equal(near(middle), i % 2 === 0 ? i : i + 1, `${dtype} between ${low} and ${high}`)
    }
  })
}

test('what is beyond the largest number is infinite', () => {
  assert.deepEqual(
    [...widen({ dtype: 'F16', bytes: narrow(Float64Array.of(65519, 65520, -1e9), 'F16') })],
    [65504, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  )
  assert.equal(
    widen({ dtype: 'BF16', bytes: narrow(Float64Array.of(3.4e38), 'BF16') })[0],
    Number.POSITIVE_INFINITY,
  )
})

test('bytes of any alignment are read', () => {
  const bytes = new Uint8Array(9)
  bytes.set(narrow(Float64Array.of(1.5, -2), 'F32'), 1)
  assert.deepEqual([...widen({ dtype: 'F32', bytes: bytes.subarray(1) })], [1.5, -2])
})
