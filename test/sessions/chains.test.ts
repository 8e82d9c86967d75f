import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Sessions } from '../../server/sessions/sessions.ts'
import { openStore } from '../../server/stores/index.ts'
import { f32 } from '../app.ts'
import { bytes, large, sessionsOn, small } from './setup.ts'

// State of every kind comes through snapshots: of the session, of tensors, of axes, of elements, in BF16, random keys.

const chains = [
  'chain(clip_by_global_norm(1.0), adamw(linear_schedule(0.1, 0.0, 20), mu_dtype=jnp.bfloat16))',
  'adafactor(0.1, min_dim_size_to_factor=2, momentum=0.9)',
  'sm3(0.1)',
  'galore(0.1, 2, 3, weight_decay=0.1)',
  'noisy_sgd(0.1)',
  'prodigy(0.1)',
  'MultiSteps(chain(centralize(), novograd(0.1)), 3)',
  'lookahead(reduce_on_plateau(patience=2), 2, 0.5)',
  'partition({"a": schedule_free_sgd(0.1), "b": lbfgs(0.1, linesearch=None)}, {"w": "a", "**": "b"})',
  'flatten(apply_if_finite(scale_by_sm3(), 2))',
]
const tensors = [
  { name: 'b', shape: [4] },
  { name: 'c', shape: [2, 3, 2] },
  { name: 'w', shape: [3, 4] },
]
const count = 28
const values = (seed: number) =>
  f32(...Array.from({ length: count }, (_, i) => Math.sin(seed * count + i) * 2))
const key = 'public/run'
const steps = 8

const open = (sessions: Sessions, chain: string) => sessions.open(key, { chain, tensors, params: values(0) })

async function take(sessions: Sessions, step: number): Promise<Buffer> {
  const request = { step, grads: values(step), value: 5 + Math.sin(step), want: { of: 'params' } } as const
  return bytes(await sessions.step(key, request))
}

for (const chain of chains) {
  test(`resumed from a snapshot at any step, as if never stopped: ${chain}`, async () => {
    const whole = sessionsOn({ store: await openStore('memory:'), budget: large })
    await open(whole, chain)
    const store = await openStore('memory:')
    await open(sessionsOn({ store }), chain)
    for (let step = 1; step <= steps; step++) {
      // Each step by a server that knows nothing yet: what it starts from is a snapshot, and a few entries.
      const server = sessionsOn({ store, budget: small })
      assert.deepEqual(await take(server, step), await take(whole, step), `step ${step}`)
      await server.close()
    }
    const snapshot = await store.snapshot(key)
    assert.ok((snapshot?.seq ?? 0) > steps - 4, `the latest snapshot is of entry ${snapshot?.seq}`)
    await whole.close()
  })
}
