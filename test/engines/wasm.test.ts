import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readChain, record } from '../../server/chains/index.ts'
import { compile } from '../../server/compiler/compile.ts'
import { wasmEngine } from '../../server/engines/wasm/engine.ts'
import { testEngine } from './conformance.ts'

testEngine('wasm', () => wasmEngine({ threads: 2 }))

test('wasm: the same bytes whatever the number of threads', async () => {
  const tensors = [{ name: 'w', shape: [700, 700], rank: 2 }]
  const chain = 'chain(clip_by_global_norm(1.0), centralize(), adam(1e-3))'
  const plan = compile(record(readChain(chain), tensors, { keep: false, stats: false }))
  const options = Float64Array.from(plan.options.values())
  const values = Float32Array.from({ length: 490_000 }, (_, i) => Math.sin(i) * 3)
  const gradients = { dtype: 'F32', parts: [new Uint8Array(values.buffer)] } as const
  const results = await Promise.all(
    [1, 2, 3].map(async (threads) => {
      const engine = wasmEngine({ threads })
      const replica = await engine.open(plan, { options })
      const want = { dtype: 'F32', of: 'updates' } as const
      await replica.step({ plan, options, gradients })
      const { parts = [] } = await replica.step({ plan, options, gradients, want })
      replica.close()
      await engine.close()
      return Buffer.concat(parts)
    }),
  )
  assert.deepEqual(results[1], results[0])
  assert.deepEqual(results[2], results[0])
})
