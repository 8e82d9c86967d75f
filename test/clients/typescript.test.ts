import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import {
  adafactor,
  adam,
  adamw,
  add_decayed_weights,
  applyUpdates,
  type Chain,
  centralize,
  chain,
  clip,
  connect,
  constant_schedule,
  freeze,
  join_schedules,
  linear_schedule,
  MultiSteps,
  masked,
  muon,
  named_chain,
  partition,
  piecewise_constant_schedule,
  prodigy,
  StepdError,
  scale_by_lion,
  selective_transform,
  sgd,
  skip_large_updates,
} from '../../client/typescript/index.ts'
import { TestApp } from '../app.ts'
import { startCuttingProxy } from './proxy.ts'

const tensors = [
  { name: 'w', shape: [3, 4] },
  { name: 'b', shape: [4] },
]
const line = 'optax.chain(optax.clip(1.0), optax.centralize(), optax.adam(1e-2))'
const target = Float32Array.from({ length: 16 }, (_, i) => Math.sin(i))

let app: TestApp
let port: number
before(async () => {
  app = await TestApp.start()
  await app.server.listen({ port: 0, host: '127.0.0.1' })
  port = (app.server.server.address() as AddressInfo).port
})
after(() => app.close())

const client = () => connect(`http://127.0.0.1:${port}`, { retry: { baseMs: 5 } })

/** Minimise ‖p − target‖² over some steps. */
async function train(
  url: string,
  id: string,
  steps: number,
): Promise<{ params: Float32Array; replayed: number }> {
  const session = await connect(url, { retry: { baseMs: 2 } }).open(id, { chain: line, tensors })
  const params = new Float32Array(16)
  let replayed = 0
  for (let i = 0; i < steps; i++) {
    const result = await session.step(params.map((p, k) => 2 * (p - (target[k] ?? 0))))
    applyUpdates(params, result.updates)
    if (result.replayed) replayed++
  }
  return { params, replayed }
}

test('a run through connections that are cut ends with the same bytes', async () => {
  const quiet = await train(`http://127.0.0.1:${port}`, 'quiet', 60)
  // Every connection breaks somewhere in its answers: in a header, in a body, or between two.
  const proxy = await startCuttingProxy(port, (n) => 150 + ((n * 211) % 900))
  try {
    const disturbed = await train(proxy.url, 'disturbed', 60)
    assert.deepEqual(disturbed.params, quiet.params)
    assert.ok(proxy.cut() >= 10, `${proxy.cut()} connections were cut`)
    assert.ok(disturbed.replayed > 0, 'no retry met a step already taken')
  } finally {
    await proxy.stop()
  }
})

const same: readonly (readonly [Chain, string])[] = [
  [
    chain(clip(1), centralize(), adam(1e-2)),
    'chain(clip(max_delta=1), centralize(), adam(learning_rate=0.01))',
  ],
  [
    partition(
      { decay: adamw(1e-3, { mask: ['w'], mu_dtype: 'bfloat16' }), rest: sgd(1e-2) },
      { 'ndim(2)': 'decay', '**': 'rest' },
    ),
    'partition({"decay": adamw(1e-3, mask=["w"], mu_dtype="bfloat16"), "rest": sgd(1e-2)}, {"ndim(2)": "decay", "**": "rest"})',
  ],
  [
    named_chain(['clip', clip({ max_delta: 1 })], ['adam', adam({ learning_rate: 1e-3, nesterov: true })]),
    'named_chain(("clip", clip(1.0)), ("adam", adam(1e-3, nesterov=True)))',
  ],
  [
    MultiSteps(masked(adafactor(1e-3), { w: true, '**': false }), 4, {
      should_skip_update_fn: skip_large_updates(10),
    }),
    'MultiSteps(masked(adafactor(1e-3), {"w": True, "**": False}), 4, should_skip_update_fn=skip_large_updates(10.0))',
  ],
  [
    selective_transform(sgd(join_schedules([constant_schedule(0.1), linear_schedule(0.1, 0, 9)], [10])), {
      freeze_mask: 'b',
    }),
    'selective_transform(sgd(join_schedules([constant_schedule(0.1), linear_schedule(0.1, 0, 9)], [10])), freeze_mask="b")',
  ],
  [
    chain(
      freeze({ w: true, '**': false }),
      add_decayed_weights(1e-4, { mask: null }),
      muon(piecewise_constant_schedule(0.1, { boundaries_and_scales: { 10: 0.5 } }), {
        preconditioning: 'aol',
        muon_weight_dimension_numbers: { 'ndim(2)': [0, -1], '**': null },
      }),
      prodigy({ betas: [0.9, 0.99] }),
    ),
    'chain(freeze({"w": True, "**": False}), add_decayed_weights(1e-4, None), muon(piecewise_constant_schedule(0.1, {10: 0.5}), preconditioning="aol", muon_weight_dimension_numbers={"ndim(2)": MuonDimensionNumbers(0, -1), "**": None}), prodigy(betas=(0.9, 0.99)))',
  ],
]

test('builders and text open the same session', async () => {
  for (const [i, [built, text]] of same.entries()) {
    const written = await client().open(`same-${i}`, { chain: text, tensors })
    const session = await client().open(`same-${i}`, { chain: built, tensors })
    assert.equal(session.info.created, written.info.created)
  }
})

test('what an option does not take is a type error', () => {
  // @ts-expect-error a schedule is no transformation
  chain(constant_schedule(0.1))
  // @ts-expect-error a transformation is no schedule
  adam(sgd(0.1))
  // @ts-expect-error a flag is no number
  adam(0.1, { nesterov: 1 })
  // @ts-expect-error freeze_mask has no default
  selective_transform(sgd(0.1), {})
  // @ts-expect-error one of three words
  scale_by_lion(0.9, { mode: 'medium' })
  // @ts-expect-error a mask of patterns says true or false
  freeze({ w: 'decay' })
  // @ts-expect-error no such option
  adam(0.1, { beta1: 0.9 })
  const wrong = () =>
    // @ts-expect-error only the learning rate stands in order
    adam(0.1, 0.9)
  assert.throws(wrong, /Cannot call adam with 2 arguments in order: expected learning_rate, an object/)
})

test('a session is attached to, described, steered and forgotten', async () => {
  const stepd = client()
  const params = new Float32Array(16).fill(1)
  await stepd.open('life', { chain: line, tensors, params })
  const session = await stepd.open('life', {})
  const grads = new Float32Array(16).fill(0.5)
  const { params: after } = await session.step(grads, { want: { of: 'params', stats: true } })
  const named = await session.params()
  assert.deepEqual([...(named.w ?? []), ...(named.b ?? [])], [...after])
  await session.setHyperparams({ learning_rate: 0.5 })
  assert.equal((await session.describe()).hyperparams['2.learning_rate'], 0.5)
  assert.equal(session.currentStep, 1)
  await session.delete()
  await assert.rejects(session.step(grads), (error: unknown) => {
    return error instanceof StepdError && error.code === 'session_not_found' && error.status === 404
  })
})

test('named tensors come back named', async () => {
  const session = await client().open('named', { chain: 'sgd(1.0)', tensors })
  const { updates } = await session.step({ b: new Float32Array(4).fill(1), w: new Float32Array(12).fill(2) })
  assert.deepEqual(updates, { w: new Float32Array(12).fill(-2), b: new Float32Array(4).fill(-1) })
})

test('rows of an embedding are sent alone, and come back', async () => {
  const session = await client().open('rows', {
    chain: sgd(0.5),
    tensors: [
      { name: 'embedding', shape: [4, 2] },
      { name: 'b', shape: [1] },
    ],
  })
  const params = { embedding: Float32Array.from({ length: 8 }, (_, i) => i), b: Float32Array.of(1) }
  const embedding = { rows: Int32Array.of(3, 1), data: Float32Array.of(2, 4, 6, 8) }
  const { updates } = await session.step({ embedding, b: Float32Array.of(1) })
  assert.deepEqual([...updates.embedding.rows], [3, 1])
  applyUpdates(params, updates)
  assert.deepEqual([...params.embedding], [0, 1, -1, -1, 4, 5, 5, 5])
  assert.deepEqual([...params.b], [0.5])
  const none = { rows: new Int32Array(), data: new Float32Array() }
  applyUpdates(params, (await session.step({ embedding: none, b: Float32Array.of(0) })).updates)
  assert.deepEqual([...params.embedding], [0, 1, -1, -1, 4, 5, 5, 5])
  assert.throws(
    () => applyUpdates(params, { embedding: { rows: Int32Array.of(4), data: Float32Array.of(1, 1) } }),
    /row 4 of 2 elements, and there are 8 parameters/,
  )
  const wrong = { embedding: { rows: [3] as unknown as Int32Array, data: Float32Array.of(2, 4) } }
  await assert.rejects(
    session.step(wrong),
    /Cannot send grads.embedding.rows: given Array, expected an Int32Array/,
  )
})
