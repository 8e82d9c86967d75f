import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { OpenRequest, StepRequest } from '../../schemas/index.ts'
import type { StepResult } from '../../server/sessions/sessions.ts'
import { openStore } from '../../server/stores/index.ts'
import type { Store } from '../../server/stores/store.ts'
import { f32, floats } from '../app.ts'
import { bytes, collected, large, sessionsOn, small } from './setup.ts'

const key = 'public/run'
const tensors = [
  { name: 'w', shape: [3, 4] },
  { name: 'b', shape: [4] },
]
const params = f32(...Array.from({ length: 16 }, (_, i) => i / 7))
const spec = { chain: 'chain(clip(1.0), adamw(1e-3))', tensors, params, workers: 3 }
const names = ['b', 'a', 'c'] as const

/** What a worker computes for a step. */
const numbers = (n: number, worker: string): number[] =>
  Array.from({ length: 16 }, (_, i) => Math.fround(Math.sin(n * 16 + i + worker.charCodeAt(0)) * 2))
const mean = (n: number, workers: readonly string[] = names): Uint8Array => {
  const all = workers.toSorted().map((worker) => numbers(n, worker))
  return f32(...(all[0] ?? []).map((_, i) => all.reduce((sum, own) => sum + (own[i] ?? 0), 0) / all.length))
}
const offer = (n: number, worker: string, more: Partial<StepRequest> = {}): StepRequest => ({
  step: n,
  worker,
  grads: f32(...numbers(n, worker)),
  ...more,
})

async function start(request: OpenRequest, count = 2, budget = large, store?: Store) {
  const own = store ?? (await openStore('memory:'))
  const servers = Array.from({ length: count }, () => sessionsOn({ store: own, budget }))
  for (const server of servers) await server.open(key, request)
  const at = (i: number) => {
    const server = servers[i % count]
    assert.ok(server)
    return server
  }
  const step = (i: number, request: StepRequest) => at(i).step(key, request)
  return { store: own, servers, at, step }
}

/** The replies of one worker that sends the mean. */
async function alone(steps: number, more: Partial<OpenRequest> = {}, of = mean): Promise<Buffer[]> {
  const { step } = await start({ ...spec, workers: 1, ...more }, 1)
  const replies: Buffer[] = []
  for (let n = 1; n <= steps; n++) replies.push(bytes(await step(0, { step: n, grads: of(n) })))
  return replies
}

test('three workers over two servers take steps as one that sends the mean, whoever comes first', async () => {
  const expected = await alone(12)
  for (const budget of [large, small]) {
    const { step, store } = await start(spec, 2, budget)
    for (let n = 1; n <= 12; n++) {
      const order = [0, 1, 2].map((i) => names[(i + n) % 3] ?? '')
      const results = await Promise.all(order.map((worker, i) => step(n + i, offer(n, worker))))
      for (const result of results) {
        assert.deepEqual([result.step, result.replayed, result.counted], [n, false, true])
        assert.deepEqual(bytes(result), expected[n - 1], `step ${n}`)
      }
      // A server that knows nothing yet makes the reply again.
      const again = await sessionsOn({ store, budget }).step(key, offer(n, 'a'))
      assert.deepEqual([again.replayed, again.counted], [true, true])
      assert.deepEqual(bytes(again), expected[n - 1])
      const entries = await collected(store.entries(key, 0))
      if (budget === small) assert.ok(entries.length <= small.entries + 6, `${entries.length} entries`)
    }
  }
})

test('a contribution is counted once, however often and wherever it is sent', async () => {
  const expected = await alone(4)
  const { step } = await start(spec)
  for (let n = 1; n <= 4; n++) {
    const first = [step(0, offer(n, 'a')), step(1, offer(n, 'a'))]
    await sleep(20)
    const retried = step(0, offer(n, 'a'))
    const others = [step(1, offer(n, 'b')), step(0, offer(n, 'c'))]
    const results = await Promise.allSettled([...first, retried, ...others])
    for (const result of results) {
      if (result.status === 'fulfilled') assert.deepEqual(bytes(result.value), expected[n - 1])
      // Where it waits already, the later request takes its place.
      else assert.equal(result.reason.code, 'step_open')
    }
    assert.ok(results.slice(2).every(({ status }) => status === 'fulfilled'))
    assert.ok((await retried).replayed)
    const again = await step(n, offer(n, 'b'))
    assert.deepEqual([again.replayed, again.counted, bytes(again)], [true, true, expected[n - 1]])
  }
})

test('other content for a step is refused, before and after it closes', async () => {
  const { step } = await start(spec)
  const other = offer(1, 'a', { grads: f32(...new Array(16).fill(1)) })
  const waiting = step(0, offer(1, 'a'))
  await sleep(20)
  for (const server of [0, 1]) await assert.rejects(step(server, other), { code: 'step_conflict' })
  await assert.rejects(step(1, offer(1, 'a', { weight: 2 })), { code: 'step_conflict' })
  await Promise.all([waiting, step(1, offer(1, 'b')), step(0, offer(1, 'c'))])
  await assert.rejects(step(1, other), { code: 'step_conflict' })
  await assert.rejects(step(1, offer(3, 'a')), { code: 'step_gap' })
})

test('who waits no longer is told that the step is open, is counted, and may wait on', async () => {
  const [expected] = await alone(1)
  const { step, at } = await start(spec)
  for (let i = 0; i < 3; i++)
    await assert.rejects(step(i, offer(1, 'a', { wait_ms: 20 })), { code: 'step_open' })
  const waiting = step(1, offer(1, 'a'))
  await sleep(20)
  at(1).letGo()
  await assert.rejects(waiting, { code: 'step_open' })
  const results = await Promise.all(names.map((worker, i) => step(i, offer(1, worker))))
  for (const result of results) assert.deepEqual(bytes(result), expected)
  assert.deepEqual(
    results.map(({ replayed }) => replayed),
    [false, true, false],
  )
})

test('a worker that dies holds up the others for the deadline and no longer; late, it gets the step', async () => {
  const quorum = { ...spec, quorum: 2, deadline_ms: 150 }
  const two = (n: number) => mean(n, ['a', 'b'])
  const expected = await alone(3, {}, two)
  const { step, store } = await start(quorum)
  for (let n = 1; n <= 3; n++) {
    const begin = performance.now()
    const results = await Promise.all([step(0, offer(n, 'a')), step(1, offer(n, 'b'))])
    const took = performance.now() - begin
    assert.ok(took >= 140 && took < 1500, `${took} ms`)
    for (const result of results) assert.deepEqual(bytes(result), expected[n - 1])
    for (const server of [0, 1]) {
      const late = await step(server, offer(n, 'c'))
      assert.deepEqual([late.step, late.counted, late.replayed], [n, false, false])
      assert.deepEqual(bytes(late), expected[n - 1])
    }
    const again = await sessionsOn({ store }).step(key, offer(n, 'b'))
    assert.deepEqual([again.counted, bytes(again)], [true, expected[n - 1]])
  }
  await assert.rejects(step(0, offer(2, 'c')), { code: 'step_past' })
  await assert.rejects(step(1, offer(1, 'a')), { code: 'step_past' })
})

test('all of them are waited for no longer than they need, and the quorum for as long as it does', async () => {
  const { step } = await start({ ...spec, quorum: 2, deadline_ms: 300 })
  const begin = performance.now()
  await Promise.all(names.map((worker, i) => step(i, offer(1, worker))))
  assert.ok(performance.now() - begin < 250)
  const first = step(0, offer(2, 'a'))
  await sleep(400)
  const second = await step(1, offer(2, 'b'))
  assert.deepEqual(bytes(await first), bytes(second))
})

test('a journal stays bounded where every step is closed by its deadline', async () => {
  const { step, store } = await start({ ...spec, quorum: 1, deadline_ms: 1 }, 2, small)
  for (let n = 1; n <= 30; n++) {
    await step(n, offer(n, 'a'))
    const entries = await collected(store.entries(key, 0))
    assert.ok(entries.length <= small.entries + 4, `${entries.length} entries after step ${n}`)
  }
})

test('weights, sums and losses', async () => {
  const weighed = [
    { worker: 'a', weight: 3, value: 1, grads: f32(1, 10) },
    { worker: 'b', weight: 1, value: 5, grads: f32(-1, 2) },
  ]
  const plain = { chain: 'sgd(1.0)', tensors: [{ name: 'w', shape: [2] }], workers: 2 }
  for (const [aggregate, updates] of [
    ['mean', [-0.5, -8]],
    ['sum', [-2, -32]],
  ] as const) {
    const { step } = await start({ ...plain, aggregate })
    const results = await Promise.all(weighed.map((given, i) => step(i, { step: 1, ...given })))
    for (const result of results) assert.deepEqual(floats(bytes(result)), updates)
  }
  // Polyak's step is (f(x) - f*) / ‖g‖², of the mean loss.
  const polyak = { ...plain, chain: 'polyak_sgd(max_learning_rate=100.0)', params: f32(0, 0) }
  const { step } = await start(polyak)
  const [result] = await Promise.all(weighed.map((given, i) => step(i, { step: 1, ...given })))
  assert.ok(result)
  const single = await start({ ...polyak, workers: 1 }, 1)
  assert.deepEqual(bytes(result), bytes(await single.step(0, { step: 1, grads: f32(0.5, 8), value: 2 })))
})

test('contributions are added up in order of their names, in whichever they arrive', async () => {
  const plain: OpenRequest = {
    chain: 'sgd(1.0)',
    tensors: [{ name: 'w', shape: [1] }],
    workers: 3,
    aggregate: 'sum',
  }
  // In any other order the 1 is lost beside 2⁶⁰.
  const parts = { a: 2 ** 60, b: -(2 ** 60), c: 1 }
  const { step, store } = await start(plain)
  for (const [i, order] of ['abc', 'acb', 'bac', 'bca', 'cab', 'cba'].entries()) {
    const waiting: Promise<StepResult>[] = []
    for (const worker of order) {
      const grads = f32(parts[worker as keyof typeof parts])
      waiting.push(step(waiting.length, { step: i + 1, worker, grads }))
      const here = async () => (await collected(store.entries(key, 0))).length
      while ((await here()) < 3 * i + waiting.length) await sleep(1)
    }
    for (const result of await Promise.all(waiting)) assert.deepEqual(floats(bytes(result)), [-1])
  }
})

test('half precision is added up in float64 and rounded once, to float32', async () => {
  const one = Uint8Array.of(0x00, 0x3c)
  const { step } = await start({ chain: 'sgd(1.0)', tensors: [{ name: 'w', shape: [1] }], workers: 2 })
  const [a, b] = await Promise.all([
    step(0, { step: 1, worker: 'a', dtype: 'F16', grads: one }),
    step(1, { step: 1, worker: 'b', dtype: 'F32', grads: f32(2 ** -20), want: { dtype: 'F16' } }),
  ])
  assert.deepEqual(bytes(a), bytes(b))
  const again = await step(0, { step: 1, worker: 'a', dtype: 'F16', grads: one, want: { dtype: 'F32' } })
  assert.deepEqual(floats(bytes(again)), [-Math.fround((1 + 2 ** -20) / 2)])
})

test('workers that ask for different things get them', async () => {
  const { step } = await start(spec)
  const [updates, kept, stats] = await Promise.all([
    step(0, offer(1, 'a')),
    step(0, offer(1, 'b', { want: { of: 'params' } })),
    step(1, offer(1, 'c', { want: { stats: true } })),
  ])
  assert.deepEqual(bytes(updates), bytes(stats))
  assert.ok((stats.output.scalars.get('grad_norm') ?? 0) > 0)
  const moved = floats(bytes(updates)).map((u, i) => Math.fround(u + Math.fround(i / 7)))
  for (const [i, p] of floats(bytes(kept)).entries()) assert.ok(Math.abs(p - (moved[i] ?? 0)) < 1e-6)
})

test('hyperparams change in the middle of a step for that step, on every server', async () => {
  const { step, at } = await start(spec, 2, small)
  for (let n = 1; n <= 8; n++) {
    const waiting = step(0, offer(n, 'a'))
    await sleep(5)
    await at(1).change(key, { hyperparams: { learning_rate: n / 100 } })
    const results = await Promise.all([waiting, step(0, offer(n, 'b')), step(1, offer(n, 'c'))])
    const again = await step(1, offer(n, 'b'))
    for (const result of [...results, again]) assert.deepEqual(bytes(result), bytes(results[0]))
  }
})

test('a session deleted while some wait for it is gone for them', async () => {
  const { step, at } = await start(spec)
  const waiting = step(0, offer(1, 'a'))
  const refused = assert.rejects(waiting, { code: 'session_not_found' })
  await sleep(20)
  await at(1).delete(key)
  await at(1).open(key, { ...spec, workers: 2 })
  await Promise.all([step(0, offer(1, 'a')), step(1, offer(1, 'b'))])
  await refused
})

test('what several workers cannot send is refused', async () => {
  const { step } = await start(spec)
  const { step: single } = await start({ ...spec, workers: 1 }, 1)
  const { worker: _, ...nobody } = offer(1, 'a')
  for (const [request, path] of [
    [nobody, '/worker'],
    [{ worker: 'a', grads: nobody.grads }, '/step'],
    [offer(1, 'a', { hyperparams: { learning_rate: 1 } }), '/hyperparams'],
    [offer(1, 'a', { params }), '/params'],
    [offer(1, 'a', { seq: 1 }), '/seq'],
    [offer(1, 'a', { base: 0 }), '/base'],
  ] as const)
    await assert.rejects(step(0, request), { code: 'invalid_request', more: { path } })
  for (const [field, value] of Object.entries({ seq: 1, base: 0, weight: 2 }))
    await assert.rejects(single(0, { ...offer(1, 'a'), [field]: value }), { more: { path: `/${field}` } })
})

test('sessions that several workers cannot have are refused at open', async () => {
  const store = await openStore('memory:')
  const sessions = sessionsOn({ store })
  const { params: __, ...client } = spec
  const plain = { chain: 'sgd(0.1)', tensors, workers: 3 }
  for (const [request, expected] of [
    [client, { code: 'missing_params' }],
    [{ ...plain, quorum: 2, deadline_ms: 5 }, { code: 'missing_params' }],
    [{ ...plain, workers: 0 }, { code: 'missing_params' }],
    [{ ...spec, quorum: 2 }, { more: { path: '/deadline_ms' } }],
    [{ ...spec, deadline_ms: 2 }, { more: { path: '/quorum' } }],
    [{ ...spec, quorum: 4, deadline_ms: 2 }, { more: { path: '/quorum' } }],
    [{ ...spec, workers: 1, quorum: 1, deadline_ms: 2 }, { more: { path: '/quorum' } }],
    [{ ...spec, staleness: 'inverse' }, { more: { path: '/staleness' } }],
  ] as const)
    await assert.rejects(sessions.open(key, request), expected)
  const little = sessionsOn({ store, memoryLimit: 4 * 16 * 3 - 1 })
  await assert.rejects(little.open(key, plain), { code: 'invalid_request', more: { path: '/workers' } })
  await sessions.open(key, plain)
  const other = { ...plain, workers: 4, aggregate: 'sum' } as const
  await assert.rejects(sessions.open(key, other), (error: Error) => {
    assert.match(error.message, /workers is 3, wanted 4; aggregate is mean, wanted sum/)
    return true
  })
})
