import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Packr } from 'msgpackr'
import { f32, floats, TestApp } from '../app.ts'

const spec = { chain: 'sgd(1.0)', tensors: [{ name: 'w', shape: [2] }] }
const grads = f32(2, 4)

let app: TestApp
before(async () => {
  app = await TestApp.start()
})
after(() => app.close())

const put = (id: string, more: object) => app.send('PUT', `/v1/sessions/${id}`, { ...spec, ...more })
const post = (id: string, body: object) => app.send('POST', `/v1/sessions/${id}/steps`, { grads, ...body })

test('a session says who makes its steps, and is another if others do', async () => {
  const kept = { params: f32(0, 0) }
  for (const [id, more, said] of [
    ['one', {}, { workers: 1 }],
    ['three', { workers: 3 }, { workers: 3, aggregate: 'mean' }],
    ['sum', { workers: 3, aggregate: 'sum' }, { workers: 3, aggregate: 'sum' }],
    ['two', { workers: 3, quorum: 2, deadline_ms: 50, ...kept }, { workers: 3, quorum: 2, deadline_ms: 50 }],
    ['none', { workers: 0, staleness: 'reject:4', ...kept }, { workers: 0, staleness: 'reject:4' }],
  ] as const) {
    const { status, body } = await put(id, more)
    assert.equal(status, 201, body?.detail)
    for (const [field, value] of Object.entries(said)) assert.equal(body[field], value)
    assert.equal((await put(id, more)).status, 200)
    const other = said.workers === 0 ? { staleness: 'inverse' } : { workers: 7 }
    const { body: refusal } = await put(id, { ...more, ...other })
    assert.equal(refusal.code, 'spec_conflict')
    assert.match(refusal.detail, /workers is \d, wanted 7|staleness is reject:4, wanted inverse/)
  }
})

test('numbers out of bounds are refused with their path', async () => {
  for (const [more, path] of [
    [{ workers: -1 }, '/workers'],
    [{ workers: 1025 }, '/workers'],
    [{ workers: 2, aggregate: 'median' }, '/aggregate'],
    [{ workers: 2, quorum: 0, deadline_ms: 1 }, '/quorum'],
    [{ workers: 2, quorum: 1, deadline_ms: 0 }, '/deadline_ms'],
    [{ workers: 0, staleness: 'reject' }, '/staleness'],
    [{ workers: 0, staleness: 'reject:-1' }, '/staleness'],
  ] as const) {
    const { status, body } = await put('never', more)
    assert.deepEqual([status, body.code, body.path], [422, 'invalid_request', path])
  }
  await put('bounds', { workers: 2 })
  for (const [more, path] of [
    [{ worker: '' }, '/worker'],
    [{ worker: 'x'.repeat(129) }, '/worker'],
    [{ worker: 7 }, '/worker'],
    [{ worker: 'a', weight: 0 }, '/weight'],
    [{ worker: 'a', weight: Number.NaN }, '/weight'],
    [{ worker: 'a', wait_ms: -1 }, '/wait_ms'],
    [{ worker: 'a', wait_ms: 300_001 }, '/wait_ms'],
  ] as const) {
    const { status, body } = await post('bounds', { step: 1, ...more })
    assert.deepEqual([status, body.code, body.path], [422, 'invalid_request', path])
  }
})

test('all workers get the same bytes, and each form of them', async () => {
  await put('shared', { workers: 2 })
  const [packed, named] = await Promise.all([
    post('shared', { step: 1, worker: 'a' }),
    post('shared', { step: 1, worker: 'b', grads: { w: f32(4, 0) } }),
  ])
  assert.deepEqual([packed.status, named.status], [200, 200])
  assert.deepEqual(floats(packed.body.updates), [-3, -2])
  assert.deepEqual(named.body.updates.w, packed.body.updates)
  assert.equal(packed.headers.etag, '"1"')
  assert.deepEqual([packed.body.counted, packed.body.replayed], [true, false])
})

test('a step that stays open is told as such, with when to ask again', async () => {
  await put('open', { workers: 2 })
  for (let i = 0; i < 2; i++) {
    const { status, body, headers } = await post('open', { step: 1, worker: 'a', wait_ms: 10 })
    assert.deepEqual([status, body.code, headers['retry-after']], [503, 'step_open', '1'])
  }
  const [a, b] = await Promise.all([
    post('open', { step: 1, worker: 'a' }),
    post('open', { step: 1, worker: 'b' }),
  ])
  assert.deepEqual([a.body.replayed, b.body.replayed], [true, false])
  assert.deepEqual(a.body.updates, b.body.updates)
})

test('those who wait hold up nobody whom they wait for', async () => {
  const tight = await TestApp.start({ flightLimit: 2 ** 20, bodyLimit: 2 ** 20 })
  const workers = 6
  const open = { chain: 'sgd(1.0)', tensors: [{ name: 'w', shape: [2 ** 17] }], workers }
  await tight.send('PUT', '/v1/sessions/run', open)
  const all = Array.from({ length: workers }, async (_, i) => {
    for (;;) {
      const body = { step: 1, worker: `w${i}`, grads: new Uint8Array(2 ** 19) }
      const answer = await tight.send('POST', '/v1/sessions/run/steps', body)
      if (answer.body.code !== 'overloaded') return answer
      await sleep(20)
    }
  })
  for (const { status, headers } of await Promise.all(all)) {
    assert.equal(status, 200)
    assert.match(String(headers['server-timing']), /compute|wait/)
  }
  await tight.close()
})

test('a server that stops does not keep those who wait', async () => {
  const stopping = await TestApp.start()
  await stopping.server.listen({ port: 0, host: '127.0.0.1' })
  const { port } = stopping.server.server.address() as AddressInfo
  await stopping.send('PUT', '/v1/sessions/run', { ...spec, workers: 2 })
  const body = new Uint8Array(new Packr({ useRecords: false }).pack({ step: 1, worker: 'a', grads }))
  const headers = { 'content-type': 'application/msgpack' }
  const waiting = fetch(`http://127.0.0.1:${port}/v1/sessions/run/steps`, { method: 'POST', body, headers })
  await sleep(200)
  const begin = performance.now()
  const [answer] = await Promise.all([waiting, stopping.close()])
  assert.deepEqual([answer.status, (await answer.json()).code], [503, 'step_open'])
  assert.equal(answer.headers.get('connection'), 'close')
  assert.ok(performance.now() - begin < 3000)
})
