import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { readChain, record } from '../../server/chains/index.ts'
import { compile } from '../../server/compiler/compile.ts'
import type { Plan } from '../../server/compiler/plan.ts'
import { type Dtype, narrow, widen } from '../../server/engines/dtypes.ts'
import { type Engine, savedState, type Tensors } from '../../server/engines/engine.ts'
import { referenceEngine } from '../../server/engines/reference.ts'

const none = new Float64Array()

type Shapes = readonly { readonly name: string; readonly shape: readonly number[] }[]

/** What plans are made of: reductions of rows, axes, tensors and the tree, host scalars, state of all types. */
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
  'adaptive_grad_clip(0.1)',
  'chain(centralize(), adaptive_grad_clip(0.3), centralize())',
  'apply_if_finite(centralize(), 3)',
  'scale_by_sm3()',
  'chain(scale_by_sm3(b2=0.9), centralize())',
  'scale_by_factored_rms(min_dim_size_to_factor=2)',
  'adafactor(1e-2, min_dim_size_to_factor=2, momentum=0.9, weight_decay_rate=0.1)',
]

/** All other arithmetic, in such forms that each branch is taken: on small tensors, for more steps. */
const others = [
  'chain(set_to_zero(), add_decayed_weights(0.1))',
  'chain(adaptive_grad_clip(0.1), galore(0.1, 2))',
  'chain(clip_by_global_norm(1.0), adaptive_grad_clip(0.1), scale_by_galore(2))',
  'scale_by_sign()',
  'scale_by_amsgrad(b2=0.9)',
  'scale_by_amsgrad(bias_correction_mu=False, bias_correction_nu=False)',
  'scale_by_adamax()',
  'scale_by_adan(0.8, 0.95)',
  'scale_by_belief()',
  'scale_by_belief(eps=1e-3, eps_root=1e-3, nesterov=True)',
  'scale_by_yogi()',
  'scale_by_radam(b2=0.9)',
  'scale_by_radam(b2=0.9, nesterov=True)',
  'scale_by_lion()',
  'scale_by_lion(mode="smooth", smooth_beta=0.1)',
  'scale_by_lion(mu_dtype=jnp.bfloat16, mode="refined")',
  'scale_by_adadelta()',
  'scale_by_rss()',
  'scale_by_rss(initial_accumulator_value=0.0)',
  'scale_by_rprop(0.1, min_step_size=0.05, max_step_size=0.12)',
  'scale_by_optimistic_gradient(0.5, 0.3)',
  'scale_by_novograd(weight_decay=0.1)',
  'scale_by_novograd(0.5, 0.9, 0.1, 0.1)',
  'scale_by_trust_ratio()',
  'scale_by_trust_ratio(1.0, 0.1, 0.5)',
  'scale_by_param_block_norm()',
  'scale_by_param_block_rms(10.0)',
  'scale_by_distance_over_gradients()',
  'scale_by_distance_over_gradients(0.1, param_dtype=jnp.bfloat16)',
  'scale_by_polyak()',
  'scale_by_polyak(f_min=5.0, eps=1.0, variant="sps+")',
  'normalize_by_update_norm()',
  'apply_every(2)',
  'clip_by_block_rms(0.5)',
  'keep_params_nonnegative()',
  'chain(scale_by_rms(eps=0.0), zero_nans())',
  'scale_by_acprop(b2=0.9, eps=1e-3, eps_root=1e-3)',
  'scale_by_ademamix(b3=linear_schedule(0.5, 0.9, 5))',
  'scale_by_simplified_ademamix(alpha=2.0)',
  'scale_by_adopt(nesterov=True)',
  'scale_by_adopt(mu_dtype=jnp.bfloat16, eps=1e-2, use_clipping=False)',
  'scale_by_cocob()',
  'scale_by_madgrad(0.1)',
  'normalize()',
  'reduce_on_plateau(factor=0.5, patience=2)',
  'dadapt_adamw()',
  'dog(init_step=("distance", 0.1), weight_decay=0.1)',
  'dowg()',
  'chain(clip_by_global_norm(1e-6), momo(1e15, 0.5, adapt_lower_bound=True))',
  'chain(clip_by_global_norm(1e-6), momo_adam(1e9, b1=0.5, adapt_lower_bound=True))',
  'prodigy()',
  'fromage(linear_schedule(0.5, 0.1, 3))',
  'lars(0.1, 0.1, nesterov=True)',
  'chain(masked(clip_by_global_norm(0.5), ["o*", "scalar"]), freeze("three"))',
  'partition({"a": adamw(1e-2, mask=ndim(2)), "b": chain(clip_by_global_norm(0.5), trace(0.9))}, {"ndim(1)": "b", "**": "a"})',
  'apply_if_finite(adam(1e-2), 3)',
  'MultiSteps(adam(1e-2), 2, should_skip_update_fn=skip_large_updates(1e9))',
  'MultiSteps(sgd(0.1), 3, accumulator_dtype=jnp.bfloat16)',
  'conditionally_transform(clip_by_block_rms(0.5), every_k(2))',
  'lookahead(sgd(1.0, momentum=0.9), 2, 0.5, reset_state=True)',
  'sam(sgd(0.1, momentum=0.9), chain(clip_by_global_norm(1.0), sgd(0.05)))',
  'flatten(chain(clip_by_block_rms(0.5), scale_by_param_block_norm()))',
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
const small = shapes.filter(({ shape }) => shape.every((d) => d < 100))

const sizes = (of: Shapes) => of.map(({ shape }) => shape.reduce((n, d) => n * d, 1))
const total = (of: Shapes) => sizes(of).reduce((a, b) => a + b, 0)
const count = total(shapes)

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
    const want = { dtype, of: 'updates' } as const
    const out = await replica.step({ plan, options, loss: 8, gradients: step, ...own, want })
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

    const cases = [
      ...chains.map((chain) => ({ chain, of: shapes, seeds: [1, 2, 3] })),
      ...others.map((chain) => ({ chain, of: small, seeds: [1, 2, 3, 4, 5, 6, 7] })),
    ]
    for (const { chain, of, seeds } of cases) {
      for (const dtype of ['F32', 'BF16', 'F16'] as const) {
        test(`${chain}, gradients and updates ${dtype}`, async () => {
          const gradients = seeds.map((seed) => tensorsOf(numbers(seed, total(of)), of, dtype))
          const parameters = tensorsOf(numbers(9, total(of)), of, 'F32')
          const steps = { plan: planOf(chain, of), gradients, parameters, dtype }
          // Half precision rounds a float32 that may be off by one in its last bit the other way.
          await agree(steps, of, { F32: 2e-6, BF16: 4e-3, F16: 1e-3 }[dtype])
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

    test('a step that a wrapper does not take leaves no trace', async () => {
      const bad = numbers(4, total(small)).fill(Number.NaN, 3, 5).fill(-Infinity, 7, 8)
      const [one, other] = [numbers(1, total(small)), numbers(2, total(small))]
      const parameters = tensorsOf(numbers(9, total(small)), small, 'F32')
      for (const chain of [
        'apply_if_finite(chain(clip_by_global_norm(1.0), adam(linear_schedule(0.1, 0.0, 5))), 2)',
        'MultiSteps(chain(centralize(), adam(0.1)), 1, should_skip_update_fn=skip_not_finite())',
        'MultiSteps(sgd(0.1, momentum=0.9), 1, should_skip_update_fn=skip_large_updates(1e12))',
      ]) {
        const plan = planOf(chain, small)
        const updates = (...values: Float64Array[]) => {
          const gradients = values.map((g) => tensorsOf(g, small, 'F32'))
          return run(engine, { plan, gradients, parameters, dtype: 'F32' })
        }
        const [first, held, second] = await updates(one, bad, other)
        assert.deepEqual([first, second], await updates(one, other), chain)
        for (const u of held ?? [])
          assert.ok(
            u.every((x) => x === 0),
            chain,
          )
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
        'adafactor(1e-2, min_dim_size_to_factor=2)',
        'sm3(0.1)',
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
        const two = await engine.open(plan, { saved: savedState(await one.save()) })
        const want = { dtype: 'F32', of: 'params' } as const
        const [a, b] = [await one.step({ ...step(2), want }), await two.step({ ...step(2), want })]
        assert.deepEqual(a.parts, b.parts)
        one.close()
        two.close()
      }
    })
  })
}
