import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readChain, record } from '../../server/chains/index.ts'
import { compile } from '../../server/compiler/compile.ts'
import { float64 } from '../../server/compiler/float64.ts'
import { narrow, widen } from '../../server/engines/dtypes.ts'
import { wasmEngine } from '../../server/engines/wasm/engine.ts'
import { apply, binary, ternary, unary } from '../../server/expression/index.ts'
import { transformation } from '../../server/transformations/form/define.ts'
import { trace } from '../../server/transformations/form/record.ts'
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

test('wasm: every primitive on elements gives what it gives in float64, to float32 rounding', async () => {
  const x = Float64Array.from([-3, -1.5, -0.25, 0, 0.5, 1, 2.75, 80, 1e-3])
  const engine = wasmEngine({ threads: 1 })
  const of = [{ name: 'v', shape: [x.length], rank: 1 }]
  const bytes = { dtype: 'F32', parts: [narrow(x, 'F32')] } as const
  for (const op of [...unary, ...binary, ...ternary]) {
    const probe = transformation({
      name: 'probe',
      formula: op,
      reference: 'the test',
      // An exponent of 2 is whole, as powi wants it, and as good as any other for the rest.
      update: (g) => apply(op, ...[g, g.mul(0).add(2), g.add(1)].slice(0, arity(op))),
    })()
    const plan = compile(trace(probe, of, new Map(), { keep: false, stats: false }))
    const replica = await engine.open(plan, { options: new Float64Array() })
    const want = { dtype: 'F32', of: 'updates' } as const
    const { parts = [] } = await replica.step({ plan, options: new Float64Array(), gradients: bytes, want })
    const found = widen({ dtype: 'F32', bytes: parts[0] ?? new Uint8Array() })
    for (const [i, a] of x.entries()) {
      const expected = float64[op](Math.fround(a), 2, Math.fround(Math.fround(a) + 1))
      const off = Math.abs((found[i] ?? 0) - expected) / Math.max(Math.abs(expected), 1e-30)
      const same = Object.is(found[i], Math.fround(expected)) || off <= 2 ** -22
      assert.ok(same, `${op} of ${a} gives ${found[i]}, expected ${expected}`)
    }
    replica.close()
  }
  await engine.close()
})

const arity = (op: string) => (includes(unary, op) ? 1 : includes(binary, op) ? 2 : 3)
const includes = (names: readonly string[], name: string) => names.includes(name)

test('wasm: what routines need of memory is counted before a session is taken', async () => {
  const engine = wasmEngine({ threads: 1 })
  // State, gradients, parameters and replies fit: 2 GB. With Newton–Schulz's matrices they do not.
  const of = [{ name: 'w', shape: [11_000, 11_500], rank: 2 }]
  const planOf = (chain: string) => compile(record(readChain(chain), of, { keep: false, stats: false }))
  assert.equal(engine.refuse(planOf('trace(0.9)')), undefined)
  assert.match(
    engine.refuse(planOf('scale_by_muon()')) ?? '',
    /it needs \d+ bytes with the buffers of a step/,
  )
  await engine.close()
})
