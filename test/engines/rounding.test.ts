import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { readChain, record } from '../../server/chains/index.ts'
import { compile } from '../../server/compiler/compile.ts'
import { type Dtype, narrow, widen } from '../../server/engines/dtypes.ts'
import type { Engine } from '../../server/engines/engine.ts'
import { referenceEngine } from '../../server/engines/reference.ts'
import { wasmEngine } from '../../server/engines/wasm/engine.ts'

// Where a formula read plainly would subtract nearly equal numbers, and leave little but rounding in float32.

const wasm = wasmEngine({ threads: 1 })
after(() => wasm.close())

/** The update of each step of one tensor whose parameters and gradients stay the same. */
async function updates(
  engine: Engine,
  dtype: Dtype,
  chain: string,
  parameters: Float64Array,
  gradients: Float64Array,
): Promise<Float64Array[]> {
  const tensors = [{ name: 'w', shape: [parameters.length], rank: 1 }]
  const plan = compile(record(readChain(chain), tensors, { keep: false, stats: false }))
  const options = Float64Array.from(plan.options.values())
  const packed = (values: Float64Array) => ({ dtype, parts: [narrow(values, dtype)] })
  const replica = await engine.open(plan, { options, parameters: packed(parameters) })
  const found: Float64Array[] = []
  for (let n = 0; n < 4; n++) {
    const inputs = { gradients: packed(gradients), parameters: packed(parameters), loss: 1 }
    const { parts = [], lease } = await replica.step({
      plan,
      options,
      ...inputs,
      want: { dtype, of: 'updates' },
    })
    found.push(widen({ dtype, bytes: Buffer.concat(parts) }))
    lease?.release()
  }
  replica.close()
  return found
}

test('schedule_free does not move parameters that get no gradient', async () => {
  const parameters = Float64Array.from({ length: 100 }, (_, i) => Math.fround(3 * Math.sin(i + 1)))
  for (const chain of ['schedule_free(sgd(0.1), 0.1)', 'schedule_free(adam(0.1, b1=0.0), 0.1, 0.7)'])
    for (const update of await updates(wasm, 'F32', chain, parameters, new Float64Array(100)))
      assert.ok(
        update.every((x) => x === 0),
        `${chain}: ${update}`,
      )
})

test('a variance that rounding makes negative is 0, and NaN stays NaN', async () => {
  const gradients = Float64Array.from({ length: 200 }, (_, i) => Math.fround(1e7 * Math.sin(i + 1)))
  for (const chain of [
    'scale_by_stddev(eps=0.1, bias_correction=True)',
    'scale_by_stddev(eps=0.1, bias_correction=True, eps_in_sqrt=False)',
  ])
    for (const update of await updates(wasm, 'F32', chain, gradients, gradients))
      assert.ok(update.every(Number.isFinite), `${chain}: ${update}`)
  const broken = gradients.with(7, Number.NaN)
  const [update] = await updates(wasm, 'F32', 'scale_by_stddev(bias_correction=True)', gradients, broken)
  assert.ok(Number.isNaN(update?.[7]))
})

test('a projection onto the simplex moves small parameters exactly, whatever the largest is', async () => {
  const parameters = Float64Array.from({ length: 301 }, (_, i) => Math.fround(i === 0 ? 0.25 : 0.75 / 300))
  const gradients = Float64Array.from({ length: 301 }, (_, i) => Math.fround(1e-6 * Math.sin(i)))
  const [expected] = await updates(referenceEngine(), 'F64', 'projection_simplex()', parameters, gradients)
  const [update] = await updates(wasm, 'F32', 'projection_simplex()', parameters, gradients)
  // A unit in the last place of 0.75 / 300 is 2⁻³².
  for (let i = 1; i < 301; i++)
    assert.ok(Math.abs((update?.[i] ?? 1) - (expected?.[i] ?? 0)) < 4 * 2 ** -32, `element ${i}`)
})
