import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OpenRequest, StepRequest } from '../../schemas/index.ts'
import { openStore } from '../../server/stores/index.ts'
import { f32, floats } from '../app.ts'
import { bytes, collected, large, sessionsOn, small } from './setup.ts'

const key = 'public/run'
const zeros = f32(0, 0, 0)
const spec = { chain: 'sgd(1.0)', tensors: [{ name: 'w', shape: [3] }], params: zeros, workers: 0 }

async function start(more: Partial<OpenRequest> = {}, budget = large) {
  const store = await openStore('memory:')
  const servers = [sessionsOn({ store, budget }), sessionsOn({ store, budget })] as const
  for (const server of servers) await server.open(key, { ...spec, ...more })
  const at = (i: number) => servers[i % 2 === 0 ? 0 : 1]
  const step = (i: number, request: StepRequest) => at(i).step(key, request)
  return { store, at, step }
}

const ones = f32(-1, -1, -1)
const send = (worker: string, seq: number, more: Partial<StepRequest> = {}): StepRequest => ({
  worker,
  seq,
  grads: ones,
  ...more,
})

test('each contribution is a step, and the reply the fresh parameters', async () => {
  const { step } = await start()
  for (let n = 1; n <= 10; n++) {
    const result = await step(n, send('ab'[n % 2] ?? '', n))
    assert.deepEqual([result.step, result.replayed, result.counted], [n, false, true])
    assert.equal(result.ask.want.of, 'params')
    assert.deepEqual(floats(bytes(result)), [n, n, n])
  }
})

test('a worker is named by characters', async () => {
  const { step } = await start()
  await assert.rejects(
    step(0, send('\ud800', 1)),
    /worker is "\\ud800": half of a surrogate pair is no character/,
  )
  assert.equal((await step(0, send('\u{1f600}\0"\\', 1))).step, 1)
})

test('no contribution is lost or counted twice, in any disorder', async () => {
  const { step, at, store } = await start({}, small)
  const [workers, each] = [8, 50]
  const run = async (w: number) => {
    for (let seq = 1; seq <= each; seq++) {
      const request = send(`w${w}`, seq)
      // Every third is sent twice, now and then at the same time, to the same server or another.
      const sent = [step(w + seq, request), ...(seq % 3 === 0 ? [step(w, request)] : [])]
      const results = await Promise.all(sent)
      assert.equal(results.filter(({ replayed }) => !replayed).length, 1)
      for (const { counted } of results) assert.equal(counted, true)
      if (seq % 7 === 0) assert.equal((await step(seq, request)).replayed, true)
    }
  }
  await Promise.all(Array.from({ length: workers }, (_, w) => run(w)))
  for (const server of [0, 1]) assert.equal((await at(server).describe(key)).step, workers * each)
  const { file } = await at(0).params(key, 'F32', 'params')
  assert.deepEqual(floats(file[1] ?? zeros), Array(3).fill(workers * each))
  assert.ok((await collected(store.entries(key, 0))).length <= 20)
})

test('a repeated contribution gets the parameters as they are now', async () => {
  const { step } = await start()
  await step(0, send('a', 1))
  await step(1, send('b', 1))
  for (const server of [0, 1]) {
    const again = await step(server, send('a', 1))
    assert.deepEqual([again.step, again.replayed, again.counted], [2, true, true])
    assert.deepEqual(floats(bytes(again)), [2, 2, 2])
  }
  await step(0, send('a', 5))
  // Nobody can tell whether this came before.
  assert.equal((await step(1, send('a', 3, { grads: zeros }))).counted, false)
  await assert.rejects(step(1, send('a', 5, { grads: zeros })), { code: 'step_conflict' })
  assert.equal((await step(1, send('c', 1))).step, 4)
})

test('without seq each is counted', async () => {
  const { step } = await start()
  for (let n = 1; n <= 3; n++) assert.equal((await step(n, { worker: 'a', grads: ones })).step, n)
})

test('stale contributions count less, by the log alone', async () => {
  const { step, store } = await start({ staleness: 'inverse' })
  await step(0, send('a', 1, { base: 0 }))
  await step(1, send('b', 1, { base: 0 }))
  await step(0, send('c', 1, { base: 0, weight: 2 }))
  const expected = 1 + 1 / 2 + 2 / 3
  const now = await step(1, send('d', 1, { base: 3 }))
  for (const p of floats(bytes(now))) assert.ok(Math.abs(p - (expected + 1)) < 1e-6)
  // A server that was not there folds the same.
  const { file } = await sessionsOn({ store }).params(key, 'F32', 'params')
  assert.deepEqual(file[1], new Uint8Array(bytes(now)))
  await assert.rejects(step(0, send('a', 2)), { code: 'invalid_request', more: { path: '/base' } })
  await assert.rejects(step(0, send('a', 2, { base: 5 })), { code: 'step_gap', more: { current_step: 4 } })
})

test('those that are too stale are refused, and may come again', async () => {
  const { step } = await start({ staleness: 'reject:2' })
  for (let n = 1; n <= 3; n++) await step(n, send('a', n, { base: n - 1 }))
  assert.equal((await step(0, send('a', 4, { base: 1 }))).step, 4)
  const refused = { code: 'step_past', more: { current_step: 4 } }
  for (const server of [0, 1]) await assert.rejects(step(server, send('b', 1, { base: 1 })), refused)
  // What was taken before it was stale is answered.
  assert.equal((await step(1, send('a', 4, { base: 1 }))).replayed, true)
  assert.equal((await step(1, send('b', 1, { base: 4 }))).step, 5)
})

test('what cannot be sent is refused', async () => {
  const { step } = await start()
  for (const [request, path] of [
    [send('a', 1, { step: 1 }), '/step'],
    [send('a', 1, { want: { of: 'updates' } }), '/want/of'],
    [send('a', 1, { params: zeros }), '/params'],
    [{ grads: ones, seq: 1 }, '/worker'],
  ] as const)
    await assert.rejects(step(0, request), { code: 'invalid_request', more: { path } })
})

test('the latest reply can be made again with what it measured, the next ones tell no stats', async () => {
  const { step } = await start()
  const first = await step(0, send('a', 1, { want: { stats: true } }))
  assert.equal(first.output.scalars.get('grad_norm'), Math.sqrt(3))
  const again = await step(1, send('a', 1, { want: { stats: true } }))
  assert.deepEqual([again.ask.stats, bytes(again)], [false, bytes(first)])
})
