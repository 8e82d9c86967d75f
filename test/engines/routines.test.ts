import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { readChain, record } from '../../server/chains/index.ts'
import { compile } from '../../server/compiler/compile.ts'
import { narrow, widen } from '../../server/engines/dtypes.ts'
import type { Engine } from '../../server/engines/engine.ts'
import { referenceEngine } from '../../server/engines/reference.ts'
import { missing } from '../../server/engines/tensorflow/addon.ts'
import { tensorflowEngine } from '../../server/engines/tensorflow/engine.ts'
import { wasmEngine } from '../../server/engines/wasm/engine.ts'

type Shapes = Readonly<Record<string, readonly number[]>>

const matrices: Shapes = {
  row: [1, 9],
  column: [7, 1],
  small: [3, 5],
  square: [16, 16],
  tall: [67, 33],
  wide: [40, 130],
}
const others: Shapes = { scalar: [], vector: [1023], conv: [2, 3, 4, 5], ...matrices }
const cubes: Shapes = { conv: [2, 3, 4, 5], cube: [3, 6, 2] }

/** Newton–Schulz steps make small singular values grow, and what was rounded off with them. */
const cases: readonly { readonly chain: string; readonly shapes: Shapes; readonly tolerance: number }[] = [
  { chain: 'add_noise(1.0, 0.5, key=3)', shapes: others, tolerance: 1e-6 },
  {
    chain: 'chain(add_noise(1.0, 0.5, 1), centralize(), noisy_sgd(0.1, key=2))',
    shapes: others,
    tolerance: 1e-6,
  },
  { chain: 'scale_by_muon()', shapes: matrices, tolerance: 2e-4 },
  { chain: 'scale_by_muon(preconditioning="spectral", nesterov=False)', shapes: matrices, tolerance: 2e-4 },
  { chain: 'scale_by_muon(preconditioning="aol", adaptive=True)', shapes: matrices, tolerance: 2e-4 },
  {
    chain: 'scale_by_muon(preconditioning="schatten", mu_dtype=jnp.bfloat16)',
    shapes: matrices,
    tolerance: 2e-4,
  },
  { chain: 'scale_by_muon(ns_steps=0)', shapes: matrices, tolerance: 1e-6 },
  {
    chain: 'chain(scale_by_muon(ns_steps=2), centralize(), scale_by_muon(ns_steps=1))',
    shapes: matrices,
    tolerance: 2e-4,
  },
  { chain: 'muon(1e-2, "dion", weight_decay=0.1)', shapes: others, tolerance: 2e-4 },
  {
    chain: 'scale_by_muon(weight_dimension_numbers=MuonDimensionNumbers((0, -1), 1))',
    shapes: cubes,
    tolerance: 2e-4,
  },
  { chain: 'scale_by_galore(3, 2, 0.5, trace(0.9))', shapes: others, tolerance: 1e-5 },
  {
    chain: 'scale_by_galore(200, 1, base_optimizer=scale_by_adam(eps=1.0))',
    shapes: others,
    tolerance: 1e-5,
  },
  {
    chain:
      'chain(centralize(), scale_by_galore(20, 2, base_optimizer=clip_by_global_norm(1.0)), centralize())',
    shapes: matrices,
    tolerance: 1e-5,
  },
  {
    chain:
      'scale_by_galore(5, 2, 1.0, chain(scale_by_galore(2, 1, 1.0, trace(0.5)), sgd(0.1, momentum=0.9)))',
    shapes: matrices,
    tolerance: 1e-5,
  },
  {
    chain: 'scale_by_galore(2, 2, 1.0, sgd(0.1), GaLoreDimensionNumbers((0, -1), [1]))',
    shapes: { cube: [3, 6, 2] },
    tolerance: 1e-5,
  },
  {
    chain:
      'galore(0.1, 4, 2, base_optimizer=trace(0.5), weight_dimension_numbers={"conv": ((2, 0), (3, 1)), "*": None})',
    shapes: cubes,
    tolerance: 1e-5,
  },
]

const want = { dtype: 'F32', of: 'updates' } as const

function given(shapes: Shapes, seed: number) {
  const parts = Object.values(shapes).map((shape, k) => {
    const length = shape.reduce((n, d) => n * d, 1)
    const wave = (_: unknown, i: number) =>
      Math.sin(i * i * 0.7 + k + seed) + ((i * 7919 + seed) % 13) / 8 - 0.7
    return narrow(Float64Array.from({ length }, wave), 'F32')
  })
  return { dtype: 'F32' as const, parts }
}

const planOf = (chain: string, shapes: Shapes) => {
  const tensors = Object.entries(shapes).map(([name, shape]) => ({ name, shape, rank: shape.length }))
  return compile(record(readChain(chain), tensors, { keep: false, stats: false }))
}

async function run(engine: Engine, chain: string, shapes: Shapes, steps = 3): Promise<Float64Array[][]> {
  const plan = planOf(chain, shapes)
  const options = Float64Array.from(plan.options.values())
  const replica = await engine.open(plan, { options })
  const parameters = given(shapes, 9)
  const updates: Float64Array[][] = []
  for (let step = 1; step <= steps; step++) {
    const { parts = [] } = await replica.step({
      plan,
      options,
      gradients: given(shapes, step),
      parameters,
      want,
    })
    updates.push(parts.map((bytes) => widen({ dtype: 'F32', bytes })))
  }
  replica.close()
  return updates
}

const distance = (a: Float64Array, b: Float64Array) =>
  Math.hypot(...a.map((x, i) => x - (b[i] ?? Number.NaN))) / (Math.hypot(...b) || 1)

function testRoutines(name: string, open: () => Promise<Engine>): void {
  describe(`routines: ${name}`, () => {
    let engine: Engine
    before(async () => {
      engine = await open()
    })
    after(() => engine.close())
    const reference = referenceEngine()

    for (const { chain, shapes, tolerance } of cases)
      test(chain, async () => {
        const [ours, right] = [await run(engine, chain, shapes), await run(reference, chain, shapes)]
        right.forEach((updates, step) => {
          updates.forEach((expected, k) => {
            const off = distance(ours[step]?.[k] ?? new Float64Array(), expected)
            const what = `step ${step + 1}, ${Object.keys(shapes)[k]}`
            assert.ok(off <= tolerance, `${what}: off by ${off} of the update's norm`)
          })
        })
      })

    test('a matrix that is not finite is so alone', async () => {
      const plan = planOf('scale_by_muon(weight_dimension_numbers=MuonDimensionNumbers(1, 2))', {
        x: [3, 4, 5],
      })
      const options = Float64Array.from(plan.options.values())
      const replica = await engine.open(plan, { options })
      const values = Float64Array.from({ length: 60 }, (_, i) => (i === 3 ? Number.NaN : Math.sin(i)))
      const gradients = { dtype: 'F32', parts: [narrow(values, 'F32')] } as const
      const { parts: [bytes = new Uint8Array()] = [] } = await replica.step({
        plan,
        options,
        gradients,
        want,
      })
      const found = widen({ dtype: 'F32', bytes })
      assert.ok(found.subarray(0, 20).every(Number.isNaN))
      assert.ok(found.subarray(20).every(Number.isFinite))
      replica.close()
    })
  })
}

testRoutines('wasm', async () => wasmEngine({ threads: 2 }))
const lacking = missing()
if (lacking !== undefined) test('routines: tensorflow', { skip: lacking }, () => {})
else testRoutines('tensorflow', () => tensorflowEngine({ threads: 2 }))

test('wasm: the same bytes of routines whatever the number of threads', async () => {
  const shapes = { large: [300, 500] }
  const results = await Promise.all(
    [1, 2, 3].map(async (threads) => {
      const engine = wasmEngine({ threads })
      const updates = await run(
        engine,
        'chain(add_noise(1.0, 0.5, 1), scale_by_muon(), galore(1.0, 9, 2))',
        shapes,
        2,
      )
      await engine.close()
      return updates
    }),
  )
  assert.deepEqual(results[1], results[0])
  assert.deepEqual(results[2], results[0])
})

test('wasm: who waits for no singular vectors is not kept waiting by those of others', async () => {
  const engine = wasmEngine({ threads: 1 })
  const ended: string[] = []
  const step = async (chain: string, length: number) => {
    await run(engine, chain, { w: [length, length] }, 1)
    ended.push(chain)
  }
  const slow = step('scale_by_galore(8)', 500)
  await step('scale_by_lion()', 500)
  await slow
  await engine.close()
  assert.deepEqual(ended, ['scale_by_lion()', 'scale_by_galore(8)'])
})

test('tensors that a routine cannot be for are refused when the chain is recorded', () => {
  const refused = (chain: string, shape: readonly number[]) => () => planOf(chain, { x: shape })
  const galore = (numbers: string) =>
    `galore(0.1, weight_dimension_numbers=GaLoreDimensionNumbers(${numbers}))`
  assert.throws(refused(galore('0, 1'), [3, 4, 5]), /axes 0,1 of the tensor x are not all of its 3/)
  assert.throws(refused(galore('0, (1, 2, 3)'), [3, 4, 5]), /x of rank 3 has no axis 3/)
  assert.throws(
    refused(galore('0, (0, 1, 2)'), [3, 4, 5]),
    /axes 0, 0, 1, 2 of the tensor x .* are not different/,
  )
  assert.throws(
    refused('galore(0.1)', [2 ** 14, 2 ** 13]),
    /x is a matrix of 16384 × 8192: .* say None of it/,
  )
  for (const shape of [[3], [3, 4]]) {
    const blind = /The base optimizer of scale_by_galore is given no parameters: put what needs them/
    for (const base of [
      'adamw(0.1)',
      'chain(clip(1.0), add_decayed_weights(0.0))',
      'lookahead(sgd(1.0), 2, 0.5)',
      'prodigy()',
    ])
      assert.throws(refused(`galore(0.1, base_optimizer=${base})`, shape), blind)
    assert.doesNotThrow(refused('galore(0.1, weight_decay=0.1, base_optimizer=flatten(adam(1.0)))', shape))
  }
  assert.throws(refused('scale_by_muon()', [3]), /x of rank 1 is no matrix/)
  assert.throws(refused('scale_by_muon()', [3, 4, 5]), /x of rank 3 is no matrix/)
  const numbers = 'scale_by_muon(weight_dimension_numbers=MuonDimensionNumbers(0, 3))'
  assert.throws(refused(numbers, [3, 4, 5]), /x of rank 3 has no axis 3/)
  assert.throws(
    refused(numbers.replace('3', '-3'), [3, 4, 5]),
    /axes 0, 0 of the tensor x .* are not different/,
  )
  assert.throws(
    refused('scale_by_muon([(1.0, 2.0, 3.0), (1.0, 2.0, 3.0)], 1)', [3, 4]),
    /expected at least 2/,
  )
  assert.throws(refused('add_noise(1.0, 0.5, 1, seed=2)', [3]), /expected one of them/)
  assert.throws(refused('flatten(add_noise(1.0, 0.5, 1))', [3]), /Within flatten there can be no normal/)
})
