import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { readChain, record } from '../../server/chains/index.ts'
import { compile } from '../../server/compiler/compile.ts'
import type { Plan } from '../../server/compiler/plan.ts'
import { type Dtype, narrow, widen } from '../../server/engines/dtypes.ts'
import type { Engine, Tensors } from '../../server/engines/engine.ts'
import { referenceEngine } from '../../server/engines/reference.ts'

const none = new Float64Array()

type Shapes = readonly { readonly name: string; readonly shape: readonly number[] }[]

/** Every transformation and optimizer, in such forms that each branch is taken. */
const chains = [
  'identity()',
  'clip(0.5)',
  'clip_by_global_norm(1.0)',
  'centralize()',
  'scale(-2.5)',
  'scale_by_learning_rate(0.1)',
  'scale_by_schedule(linear_schedule(1.0, 0.1, 3))',
  'scale_by_adam()',
  'scale_by_adam(nesterov=True, eps_root=1e-6)',
  'scale_by_adam(mu_dtype=jnp.bfloat16)',
  'scale_by_rms(initial_scale=1.0)',
  'scale_by_rms(eps_in_sqrt=False, bias_correction=True)',
  'scale_by_stddev(eps=0.1)',
  'trace(0.9, nesterov=True)',
  'trace(0.9, accumulator_dtype=jnp.bfloat16)',
  'ema(0.9)',
  'ema(0.9, debias=False)',
  'add_decayed_weights(0.1)',
  'sgd(0.1, momentum=0.9)',
  'adam(1e-3)',
  'adamw(1e-3)',
  'rmsprop(1e-3, centered=True, eps=0.1, momentum=0.9)',
  'chain(clip(1.0), centralize(), adam(1e-3))',
  'chain(centralize(), clip_by_global_norm(0.5), centralize(), sgd(0.1))',
]

const shapes: Shapes = [
  { name: 'scalar', shape: [] },
  { name: 'one', shape: [1] },
  { name: 'three', shape: [3] },
  { name: 'odd', shape: [1023] },
  { name: 'matrix', shape: [5, 3] },
  { name: 'column', shape: [7, 1] },
  { name: 'kernel', shape: [2, 3, 5] },
  { name: 'conv', shape: [2, 1, 3, 4] },
  { name: 'large', shape: [65537] },
  { name: 'rows', shape: [257, 259] },
]

const sizes = (of: Shapes) => of.map(({ shape }) => shape.reduce((n, d) => n * d, 1))
const count = sizes(shapes).reduce((a, b) => a + b, 0)

/** Pseudo-random numbers of many magnitudes, some of them 0; the same for the same seed. */
function numbers(seed: number, n: number): Float64Array {
  let x = seed * 2654435761 + 1
  const next = () => {
    x = (Math.imul(x, 1664525) + 1013904223) | 0
    return x / 2 ** 31
  }
  return Float64Array.from({ length: n }, () => (next() > 0.9 ? 0 : next() * 10 ** (next() * 4)))
}

function tensorsOf(values: Float64Array, of: Shapes, dtype: Dtype): Tensors {
  let end = 0
  const parts = sizes(of).map((n) => {
    end += n
    return narrow(values.subarray(end - n, end), dtype)
  })
  return { dtype, parts }
}

const planOf = (chain: string, of: Shapes, keep = false): Plan => {
  const tensors = of.map(({ name, shape }) => ({ name, shape, rank: shape.length }))
  return compile(record(readChain(chain), tensors, { keep, stats: false }))
}

interface Steps {
  readonly plan: Plan
  readonly gradients: readonly Tensors[]
  readonly parameters: Tensors
  readonly dtype: Dtype
}

/** The updates of each step, by tensor. */
async function run(engine: Engine, { plan, gradients, parameters, dtype }: Steps): Promise<Float64Array[][]> {
  const options = Float64Array.from(plan.options.values())
  const replica = await engine.open(plan, { options, parameters })
  const updates: Float64Array[][] = []
  for (const step of gradients) {
    const own = plan.needs.parameters ? { parameters } : {}
    const out = await replica.step({ plan, options, gradients: step, ...own, want: { dtype, of: 'updates' } })
    updates.push((out.parts ?? []).map((bytes) => widen({ dtype, bytes })))
  }
  replica.close()
  return updates
}

/** ‖a − b‖ / ‖b‖ for a tensor; where b is 0, ‖a‖. Both must have the same NaN and infinities. */
function distance(a: Float64Array, b: Float64Array): number {
  let [off, norm] = [0, 0]
  for (let i = 0; i < b.length; i++) {
    const [x = 0, y = 0] = [a[i], b[i]]
    if (!Number.isFinite(y)) {
      assert.ok(Object.is(x, y), `element ${i} is ${x}, expected ${y}`)
      continue
    }
    off += (x - y) ** 2
    norm += y ** 2
  }
  return Math.sqrt(off) / (Math.sqrt(norm) || 1)
}

/** What an engine may do otherwise, and says so. */
export interface Leave {
  /** Its library takes numbers below the least normal float32 for 0. */
  readonly denormalsAreZero?: boolean
}

/** What every engine must do as the reference engine does, to float32 rounding. */
export function testEngine(name: string, make: () => Engine, { denormalsAreZero = false }: Leave = {}): void {
  describe(`engine: ${name}`, () => {
    let engine: Engine
    before(() => {
      engine = make()
    })
    after(() => engine.close())
    const reference = referenceEngine()

    const agree = async (steps: Steps, of: Shapes, tolerance: number) => {
      const [ours, right] = [await run(engine, steps), await run(reference, steps)]
      right.forEach((updates, step) => {
        updates.forEach((expected, i) => {
          const off = distance(ours[step]?.[i] ?? new Float64Array(), expected)
          assert.ok(off <= tolerance, `step ${step + 1}, ${of[i]?.name}: off by ${off} of the update's norm`)
        })
      })
    }

    for (const chain of chains) {
      for (const dtype of ['F32', 'BF16', 'F16'] as const) {
        test(`${chain}, gradients and updates ${dtype}`, async () => {
          const gradients = [1, 2, 3].map((seed) => tensorsOf(numbers(seed, count), shapes, dtype))
          const parameters = tensorsOf(numbers(9, count), shapes, 'F32')
          const steps = { plan: planOf(chain, shapes), gradients, parameters, dtype }
          // Half precision rounds a float32 that may be off by one in its last bit the other way.
          await agree(steps, shapes, { F32: 2e-6, BF16: 4e-3, F16: 1e-3 }[dtype])
        })
      }
    }

    test('NaN, infinities, denormals and zeros', async () => {
      const of = [{ name: 'v', shape: [9] }]
      const odd = [Number.NaN, Infinity, -Infinity, 1e-40, -1e-45, 0, -0, 1, 1e18]
      for (const chain of [
        'identity()',
        'clip(1.0)',
        'scale(2.0)',
        'trace(0.5)',
        'scale_by_rms(initial_scale=1.0)',
      ]) {
        const gradients = [0, 1, 2].map(() => tensorsOf(Float64Array.from(odd), of, 'F32'))
        const parameters = tensorsOf(new Float64Array(9), of, 'F32')
        const plan = planOf(chain, of)
        const [ours, right] = await Promise.all(
          [engine, reference].map((one) => run(one, { plan, gradients, parameters, dtype: 'F32' })),
        )
        right?.forEach(([expected = none], step) => {
          for (const [i, y] of expected.entries()) {
            const x = ours?.[step]?.[0]?.[i] ?? Number.NaN
            const ordinary = Number.isFinite(y) && y !== 0
            const flushed = denormalsAreZero && Math.abs(odd[i] ?? 0) < 2 ** -126 && x === 0
            const fine = flushed || (ordinary ? Math.abs(x - y) <= Math.abs(y) * 2e-7 : Object.is(x, y))
            assert.ok(fine, `${chain}, step ${step + 1}: ${odd[i]} gives ${x}, expected ${y}`)
          }
        })
      }
    })

    test('state below the least normal number is kept as zero', async () => {
      const of = [{ name: 'v', shape: [5] }]
      const plan = planOf('trace(0.5)', of)
      const options = Float64Array.from(plan.options.values())
      const replica = await engine.open(plan, { options })
      const g = tensorsOf(Float64Array.of(2 ** -126, 2 ** -125, -(2 ** -126), 1, 0), of, 'F32')
      const zero = tensorsOf(new Float64Array(5), of, 'F32')
      for (const gradients of [g, zero]) await replica.step({ plan, options, gradients })
      const [saved] = await replica.save()
      assert.ok(saved)
      assert.deepEqual([...widen(saved)], [0, 2 ** -126, 0, 0.5, 0])
      replica.close()
    })

    test('state saved and opened again goes on with the same bytes', async () => {
      for (const chain of [
        'chain(clip(1.0), centralize(), adam(1e-3))',
        'scale_by_adam(mu_dtype=jnp.bfloat16)',
      ]) {
        const plan = planOf(chain, shapes, true)
        const options = Float64Array.from(plan.options.values())
        const parameters = tensorsOf(numbers(9, count), shapes, 'F32')
        const one = await engine.open(plan, { options, parameters })
        const step = (seed: number) => ({
          plan,
          options,
          gradients: tensorsOf(numbers(seed, count), shapes, 'F32'),
        })
        await one.step(step(1))
        const two = await engine.open(plan, { saved: await one.save() })
        const want = { dtype: 'F32', of: 'params' } as const
        const [a, b] = [await one.step({ ...step(2), want }), await two.step({ ...step(2), want })]
        assert.deepEqual(a.parts, b.parts)
        one.close()
        two.close()
      }
    })
  })
}
