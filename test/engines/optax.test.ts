import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readChain, record } from '../../server/chains/index.ts'
import { compile } from '../../server/compiler/compile.ts'
import { narrow, widen } from '../../server/engines/dtypes.ts'
import type { Tensors } from '../../server/engines/engine.ts'
import { referenceEngine } from '../../server/engines/reference.ts'
import { loadVectors, type Vector } from '../vectors/load.ts'

const tolerance = 1e-12
const vectors = loadVectors()

test('there are vectors for every name of the catalogue', () => {
  assert.ok(vectors.length > 100)
})

for (const vector of vectors) {
  test(`reference agrees with Optax: ${vector.name}`, async () => {
    const updates = await run(vector)
    updates.forEach((update, step) => {
      const expected = vector.updates[step] ?? new Float64Array()
      const off = distance(update, expected)
      assert.ok(off <= tolerance, `${vector.chain}: step ${step + 1} is off by ${off} of the update's norm`)
    })
  })
}

async function run({ chain, tensors: shapes, params, gradients, losses }: Vector): Promise<Float64Array[]> {
  const tensors = shapes.map(({ name, shape }) => ({ name, shape, rank: shape.length }))
  const plan = compile(record(readChain(chain), tensors, { keep: false, stats: false }))
  const current = Float64Array.from(plan.options.values())
  const split = (values: Float64Array): Tensors => ({ dtype: 'F64', parts: parts(values, shapes) })
  const replica = await referenceEngine().open(plan, { options: current })
  const updates: Float64Array[] = []
  const p = params.slice()
  for (const [i, gradient] of gradients.entries()) {
    const loss = losses[i] ?? Number.NaN
    const step = { plan, loss, options: current, gradients: split(gradient), parameters: split(p) }
    const { parts = [] } = await replica.step({ ...step, want: { dtype: 'F64', of: 'updates' } })
    const update = widen({ dtype: 'F64', bytes: Buffer.concat(parts) })
    update.forEach((u, i) => {
      p[i] = (p[i] ?? 0) + u
    })
    updates.push(update)
  }
  return updates
}

function parts(values: Float64Array, tensors: Vector['tensors']): Uint8Array[] {
  let from = 0
  return tensors.map(({ shape }) => {
    const size = shape.reduce((n, d) => n * d, 1)
    from += size
    return narrow(values.subarray(from - size, from), 'F64')
  })
}

/** ‖a − b‖ / ‖b‖; where b is 0, ‖a‖. */
function distance(a: Float64Array, b: Float64Array): number {
  assert.equal(a.length, b.length)
  const norm = Math.hypot(...b)
  return Math.hypot(...a.map((x, i) => x - (b[i] ?? 0))) / (norm || 1)
}

test('centralize composes in any order: the three chains differ, and each is what Optax gives', async () => {
  const chains = [
    'chain(clip(1.0), centralize(), adam(1e-3))',
    'chain(centralize(), clip(1.0), adam(1e-3))',
    'chain(centralize(), rmsprop(1e-3), scale(0.5))',
  ]
  const runs = await Promise.all(
    chains.map(async (chain) => {
      const vector = vectors.find((candidate) => candidate.chain === chain)
      assert.ok(vector, `no vector for ${chain}`)
      const updates = await run(vector)
      for (const [step, update] of updates.entries())
        assert.ok(distance(update, vector.updates[step] ?? new Float64Array()) <= tolerance)
      return updates.at(-1) ?? new Float64Array()
    }),
  )
  const [a, b, c] = runs as [Float64Array, Float64Array, Float64Array]
  for (const [one, other] of [
    [a, b],
    [b, c],
    [a, c],
  ] as const)
    assert.ok(distance(one, other) > 0.01)
})
