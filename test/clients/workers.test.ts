import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { applyUpdates, connect, type Session, StepdError } from '../../client/typescript/index.ts'
import { inFolder, TestApp } from '../app.ts'
import { startCuttingProxy } from './proxy.ts'

const tensors = [{ name: 'w', shape: [16] }]
const target = Float32Array.from({ length: 16 }, (_, i) => Math.sin(i))
const names = ['a', 'b', 'c']

let app: TestApp
let port: number
before(async () => {
  app = await TestApp.start()
  port = await listen(app)
})
after(() => app.close())

async function listen({ server }: TestApp): Promise<number> {
  await server.listen({ port: 0, host: '127.0.0.1' })
  return (server.server.address() as AddressInfo).port
}

const client = (at = port) => connect(`http://127.0.0.1:${at}`, { retry: { baseMs: 2, attempts: 40 } })
const towards = (params: Float32Array, scale: number) => params.map((p, k) => scale * (p - (target[k] ?? 0)))

/** Each worker has its own part of the gradient: together they are those of one. */
async function train(session: Session, scale: number, steps: number): Promise<Float32Array> {
  const params = new Float32Array(16)
  for (let i = 0; i < steps; i++) applyUpdates(params, (await session.step(towards(params, scale))).updates)
  return params
}

test('workers of one session, through connections that are cut, end where one would', async () => {
  const alone = await train(await client().open('alone', { chain: 'adam(0.05)', tensors }), 2, 20)
  const proxy = await startCuttingProxy(port, (n) => 400 + ((n * 211) % 900))
  try {
    const spec = { chain: 'adam(0.05)', tensors, workers: 3 }
    const cut = connect(proxy.url, { retry: { baseMs: 2, attempts: 40 } })
    const all = await Promise.all(names.map((worker) => cut.open('shared', { ...spec, worker })))
    assert.ok(all.every(({ info }) => info.workers === 3 && info.aggregate === 'mean'))
    const ends = await Promise.all(all.map((session, i) => train(session, i + 1, 20)))
    for (const params of ends) assert.deepEqual(params, alone)
    assert.ok(proxy.cut() > 0)
  } finally {
    await proxy.stop()
  }
})

test('workers on two servers of one store', () =>
  inFolder(async (folder) => {
    const apps = [
      await TestApp.start({ store: `lmdb:${folder}` }),
      await TestApp.start({ store: `lmdb:${folder}` }),
    ]
    try {
      const ports = await Promise.all(apps.map(listen))
      const spec = { chain: 'adam(0.05)', tensors, workers: 3 }
      const all = await Promise.all(
        names.map((worker, i) => client(ports[i % 2]).open('shared', { ...spec, worker })),
      )
      const ends = await Promise.all(all.map((session, i) => train(session, i + 1, 10)))
      for (const params of ends) assert.deepEqual(params, ends[0])
    } finally {
      for (const each of apps) await each.close()
    }
  }))

test('a worker that was away gets the step that it missed, then the parameters', async () => {
  const spec = { chain: 'sgd(0.1)', tensors, params: target, workers: 2, quorum: 1, deadline_ms: 20 }
  const [one, two] = [
    await client().open('away', { ...spec, worker: 'one' }),
    await client().open('away', { ...spec, worker: 'two' }),
  ]
  const ones = new Float32Array(16).fill(1)
  const first = await one.step(ones)
  assert.equal(first.counted, true)
  const missed = await two.step(ones)
  assert.deepEqual([missed.step, missed.counted, missed.updates], [1, false, first.updates])
  for (let i = 0; i < 2; i++) await one.step(ones)
  await assert.rejects(two.step(ones), (error) => error instanceof StepdError && error.code === 'step_past')
  const { w } = await two.params()
  assert.ok(w)
  assert.equal(two.currentStep, 3)
  assert.equal((await two.step(ones)).step, 4)
})

test('workers that do not wait for each other', async () => {
  const spec = { chain: 'sgd(1.0)', tensors, params: new Float32Array(16), workers: 0 }
  const proxy = await startCuttingProxy(port, (n) => 500 + ((n * 211) % 900))
  try {
    const cut = connect(proxy.url, { retry: { baseMs: 2, attempts: 40 } })
    const minus = new Float32Array(16).fill(-1)
    const run = async (worker: string) => {
      const session = await cut.open('loose', { ...spec, worker })
      for (let i = 0; i < 15; i++) {
        const { params, counted } = await session.step(minus, { want: { of: 'params' } })
        assert.equal(counted, true)
        assert.equal(params[0], session.currentStep)
      }
    }
    await Promise.all(names.map(run))
    const session = await client().open('loose')
    assert.equal(session.currentStep, 45)
    assert.deepEqual((await session.params()).w, new Float32Array(16).fill(45))
    assert.ok(proxy.cut() > 0)
    // Started again, a worker is not taken for what it was before.
    const again = await client().open('loose', { worker: 'a' })
    assert.equal((await again.step(minus, { want: { of: 'params' } })).step, 46)
    await assert.rejects(session.step(minus), /expected open\(id, \{ worker: 'a name' \}\)/)
  } finally {
    await proxy.stop()
  }
})

test('a stale contribution is refused, and goes on from the fresh parameters', async () => {
  const spec = { chain: 'sgd(1.0)', tensors, params: target, workers: 0, staleness: 'reject:1' } as const
  const [slow, quick] = [
    await client().open('stale', { ...spec, worker: 'slow' }),
    await client().open('stale', { ...spec, worker: 'quick' }),
  ]
  const zeros = new Float32Array(16)
  for (let i = 0; i < 3; i++) await quick.step(zeros)
  await assert.rejects(slow.step(zeros), (error) => error instanceof StepdError && error.code === 'step_past')
  await slow.params()
  assert.equal((await slow.step(zeros)).step, 4)
})
