import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { connect } from '../../client/typescript/index.ts'
import { TestApp } from '../app.ts'
import { startCuttingProxy } from './proxy.ts'

const spec = {
  chain: 'chain(clip(1.0), adam(1e-2))',
  tensors: [{ name: 'w', shape: [4, 3] }],
  params: new Float32Array(12),
}
const grads = (n: number) => Float32Array.from({ length: 12 }, (_, i) => Math.sin(n * 12 + i))
const want = { of: 'params' } as const

let app: TestApp
let url: string
before(async () => {
  app = await TestApp.start()
  await app.server.listen({ port: 0, host: '127.0.0.1' })
  url = `http://127.0.0.1:${(app.server.server.address() as AddressInfo).port}`
})
after(() => app.close())

test('state goes out and back, to the same session and to a new one', async () => {
  const stepd = connect(url)
  const session = await stepd.open('a', spec)
  for (let n = 1; n <= 3; n++) await session.step(grads(n), { want })
  const file = await session.exportState()
  const { params: expected } = await session.step(grads(4), { want })
  await session.step(grads(5), { want })
  assert.equal((await session.importState(file)).step, 3)
  assert.equal(session.currentStep, 3)
  assert.deepEqual((await session.step(grads(4), { want })).params, expected)
  const moved = await stepd.importState('b', file)
  assert.equal(moved.currentStep, 3)
  assert.deepEqual((await moved.step(grads(4), { want })).params, expected)
  // Another client has gone on: that is not undone unseen.
  const other = await stepd.open('a')
  await other.step(grads(5), { want })
  await assert.rejects(session.importState(file), { code: 'precondition_failed' })
  await session.describe()
  assert.equal((await session.importState(file)).step, 3)
  await assert.rejects(session.importState([1] as unknown as Uint8Array), TypeError)
})

test('a fork goes its own way, and history tells what happened', async () => {
  const session = await connect(url).open('c', spec)
  await session.step(grads(1), { want: { ...want, stats: true } })
  const fork = await session.fork('d')
  assert.deepEqual([fork.id, fork.currentStep], ['d', 1])
  await session.setHyperparams({ learning_rate: 0.5 })
  const [one, two] = [await session.step(grads(2), { want }), await fork.step(grads(2), { want })]
  assert.notDeepEqual(one.params, two.params)
  const { happened, begins, step } = await session.history()
  assert.deepEqual([begins, step], [1, 2])
  assert.deepEqual(
    happened.map(({ kind }) => kind),
    ['params', 'step', 'hyperparams', 'step'],
  )
  assert.ok((happened[1]?.stats?.grad_norm ?? 0) > 0)
  assert.equal((await session.history(3)).happened.length, 1)
})

test('state goes through connections that break', async () => {
  const proxy = await startCuttingProxy(Number(new URL(url).port), (i) => 40 + 700 * (i % 10))
  try {
    const session = await connect(proxy.url, { retry: { baseMs: 2, attempts: 50 } }).open('e', spec)
    await session.step(grads(1), { want })
    const file = await session.exportState()
    for (let i = 0; i < 10; i++) {
      const { params } = await session.step(grads(2), { want })
      await session.importState(file)
      const fork = await session.fork(`f-${i}`)
      assert.deepEqual((await fork.step(grads(2), { want })).params, params)
    }
    assert.ok(proxy.cut() > 5)
  } finally {
    await proxy.stop()
  }
})
