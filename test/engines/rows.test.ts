import assert from 'node:assert/strict'
import { test } from 'node:test'
import { referenceEngine } from '../../server/engines/reference.ts'
import { wasmEngine } from '../../server/engines/wasm/engine.ts'
import { planOf, testRows } from './rows.ts'

testRows('reference', referenceEngine, { dtype: 'F64', tolerance: 0 })
testRows('wasm', () => wasmEngine({ threads: 2 }), { dtype: 'F32', tolerance: 2e-6 })

test('wasm: rows whose state does not fit in memory a second time are refused', () => {
  const [count, width] = [150_000, 1000]
  const plan = planOf('adam(1e-3)', [{ name: 'embedding', shape: [count, width] }])
  const engine = wasmEngine({ threads: 1 })
  const rows = (n: number) => [Int32Array.from({ length: n }, (_, i) => i)]
  assert.equal(engine.refuse(plan), undefined)
  assert.equal(engine.refuse(plan, rows(count / 10)), undefined)
  assert.match(engine.refuse(plan, rows(count)) ?? '', /it needs \d+ bytes with the buffers of a step/)
})
