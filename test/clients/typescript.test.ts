import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import * as builders from '../../client/typescript/index.ts'
import {
  adam,
  applyUpdates,
  centralize,
  chain,
  clip,
  connect,
  StepdError,
} from '../../client/typescript/index.ts'
import { catalogue } from '../../server/chains/index.ts'
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

test('builders and text open the same session', async () => {
  const built = chain(clip(1), centralize(), adam(1e-2))
  await client().open('same', { chain: line, tensors })
  const session = await client().open('same', { chain: built, tensors })
  assert.equal(session.info.chain, 'chain(clip(max_delta=1), centralize(), adam(learning_rate=0.01))')
})

test('there is a builder for every name of the catalogue', () => {
  for (const name of catalogue.keys()) assert.equal(typeof Reflect.get(builders, name), 'function', name)
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
