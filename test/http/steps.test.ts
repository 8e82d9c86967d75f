import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { f32, floats, TestApp } from '../app.ts'

const chain = 'optax.chain(optax.clip(1.0), optax.centralize(), optax.adam(1e-3))'
const tensors = [
  { name: 'w', shape: [2, 3] },
  { name: 'b', shape: [3] },
]
const g = f32(1, 2, 3, -4, 0.5, 6, 0.1, 0.2, 0.3)
const named = { w: g.slice(0, 24), b: g.slice(24) }

let app: TestApp
before(async () => {
  app = await TestApp.start()
})
after(() => app.close())

const open = (id: string, more: object = {}) =>
  app.send('PUT', `/v1/sessions/${id}`, { chain, tensors, ...more })
const step = (id: string, body: object) => app.send('POST', `/v1/sessions/${id}/steps`, body)

test('an open creates, then attaches, and describes', async () => {
  const created = await open('opened')
  assert.equal(created.status, 201)
  assert.equal(created.body.chain, 'chain(clip(max_delta=1), centralize(), adam(learning_rate=0.001))')
  assert.deepEqual(created.body.hyperparams, {
    '0.max_delta': 1,
    '2.learning_rate': 0.001,
    '2.b1': 0.9,
    '2.b2': 0.999,
    '2.eps': 1e-8,
    '2.eps_root': 0,
  })
  assert.equal(created.body.params, 'none')
  assert.equal(created.headers.etag, '"0"')
  assert.equal((await open('opened')).status, 200)
  const attached = await app.send('PUT', '/v1/sessions/opened', {})
  assert.equal(attached.status, 200)
  assert.deepEqual(attached.body.tensors, tensors)
})

test('a step answers with updates in the form of its gradients', async () => {
  await open('forms')
  const packed = await step('forms', { step: 1, grads: g })
  assert.equal(packed.status, 200)
  assert.equal(packed.body.step, 1)
  assert.equal(packed.body.replayed, false)
  assert.equal(packed.body.counted, true)
  assert.equal(packed.headers.etag, '"1"')
  assert.match(String(packed.headers['server-timing']), /queue;dur=.*compute;dur=/)
  // The first step of Adam is the sign of what reaches it, times the learning rate: here clipped and centred rows.
  const updates = floats(packed.body.updates)
  assert.deepEqual(updates.slice(3, 6).map(Math.sign), [1, -1, -1])
  assert.ok(Math.abs((updates[8] ?? 0) + 1e-3) < 1e-8)
  await open('forms2')
  const split = await step('forms2', { step: 1, grads: named })
  assert.deepEqual(
    Buffer.concat([split.body.updates.w, split.body.updates.b]),
    Buffer.from(packed.body.updates),
  )
})

test('a retried step gives the same bytes, whatever its form', async () => {
  await open('retry')
  const first = await step('retry', { step: 1, grads: g })
  const again = await step('retry', { step: 1, grads: g })
  assert.equal(again.body.replayed, true)
  assert.deepEqual(again.body.updates, first.body.updates)
  const asNamed = await step('retry', { grads: named, step: 1 })
  assert.equal(asNamed.body.replayed, true)
  assert.deepEqual(
    Buffer.concat([asNamed.body.updates.w, asNamed.body.updates.b]),
    Buffer.from(first.body.updates),
  )
  const withStats = await step('retry', { step: 1, grads: g, want: { stats: true } })
  assert.equal(withStats.body.replayed, true)
  assert.deepEqual(withStats.body.updates, first.body.updates)
  assert.ok(Math.abs(withStats.body.stats.grad_norm - Math.hypot(1, 2, 3, 4, 0.5, 6, 0.1, 0.2, 0.3)) < 1e-6)
  assert.equal(withStats.body.stats['2.scale_by_learning_rate.learning_rate'], 0.001)
  assert.equal(withStats.body.stats.nonfinite, 0)
})

test('numbered steps: conflict, past and gap say where the session is', async () => {
  await open('order')
  await step('order', { step: 1, grads: g })
  const cases = [
    [{ step: 1, grads: f32(...new Array(9).fill(1)) }, 'step_conflict'],
    [{ step: 3, grads: g }, 'step_gap'],
  ] as const
  for (const [body, code] of cases) {
    const answer = await step('order', body)
    assert.equal(answer.status, 409)
    assert.equal(answer.body.code, code)
    assert.equal(answer.body.current_step, 1)
  }
  assert.equal((await step('order', { grads: g })).body.step, 2)
  const past = await step('order', { step: 1, grads: g })
  assert.equal(past.body.code, 'step_past')
  assert.equal(past.body.current_step, 2)
})

test('kept parameters are updated before narrowing', async () => {
  const params = f32(1, 1, 1, 1, 1, 1, 2, 2, 2)
  const opened = await open('kept', { params })
  assert.equal(opened.body.params, 'server')
  const one = await step('kept', { step: 1, grads: g, want: { of: 'params' } })
  const two = await step('kept', { step: 2, grads: g })
  const three = await step('kept', { step: 2, grads: g, want: { of: 'params' } })
  assert.equal(three.body.replayed, true)
  const expected = floats(one.body.params).map((p, i) => p + (floats(two.body.updates)[i] ?? 0))
  for (const [i, p] of floats(three.body.params).entries()) assert.ok(Math.abs(p - (expected[i] ?? 0)) < 1e-6)
  const other = await app.send('PUT', '/v1/sessions/kept', { chain, tensors })
  assert.equal(other.body.code, 'spec_conflict')
})

test('hyperparams change with a step and by PATCH, by path or by a name that is clear', async () => {
  await open('hyper')
  await step('hyper', { step: 1, grads: g, hyperparams: { learning_rate: 0.5 } })
  const told = await app.send('GET', '/v1/sessions/hyper')
  assert.equal(told.body.hyperparams['2.learning_rate'], 0.5)
  const changed = await app.send(
    'PATCH',
    '/v1/sessions/hyper',
    { hyperparams: { '2.b1': 0.8 }, ttl_s: 60 },
    { 'if-match': '"1"' },
  )
  assert.equal(changed.status, 200)
  assert.equal(changed.body.hyperparams['2.b1'], 0.8)
  assert.equal(changed.body.ttl_s, 60)
  const stale = await app.send(
    'PATCH',
    '/v1/sessions/hyper',
    { hyperparams: { b1: 0.7 } },
    { 'if-match': '"0"' },
  )
  assert.equal(stale.status, 412)
  assert.equal(stale.body.code, 'precondition_failed')
  // The retry of the latest step is still known after a change.
  const again = await step('hyper', { step: 1, grads: g, hyperparams: { '2.learning_rate': 0.5 } })
  assert.equal(again.body.replayed, true)
})

test('half precision both ways', async () => {
  await open('half')
  const bf16 = new Uint8Array(18)
  new Uint16Array(bf16.buffer).fill(0x3f80)
  const answer = await step('half', { step: 1, grads: bf16, dtype: 'BF16' })
  assert.equal(answer.body.updates.length, 18)
  const wide = await step('half', { step: 2, grads: bf16, dtype: 'BF16', want: { dtype: 'F32' } })
  assert.equal(wide.body.updates.length, 36)
})

test('apply runs one step and keeps nothing', async () => {
  const grads = f32(...new Array(9).fill(1))
  const answer = await app.send('POST', '/v1/apply', { chain: 'sgd(0.5)', tensors, grads })
  assert.deepEqual(floats(answer.body.updates), new Array(9).fill(-0.5))
  const needs = await app.send('POST', '/v1/apply', { chain: 'adamw(0.5)', tensors, grads })
  assert.equal(needs.body.code, 'missing_params')
})

test('a chain that looks at the loss says so, and takes no step without it', async () => {
  const opened = await open('plateau', {
    chain: 'chain(scale(2.0), reduce_on_plateau(factor=0.5, patience=1))',
  })
  assert.deepEqual(opened.body.needs, { params: false, value: true })
  const grads = f32(...new Array(9).fill(1))
  const refused = await step('plateau', { step: 1, grads })
  assert.equal(refused.status, 422)
  assert.equal(refused.body.code, 'missing_value')
  const taken = []
  for (const value of [3, 3, 2]) {
    const { body } = await step('plateau', { step: taken.length + 1, grads, value })
    taken.push(floats(body.updates)[0])
  }
  assert.deepEqual(taken, [2, 1, 1])
})

test('sessions are listed, forgotten, and made anew', async () => {
  await open('list-a')
  await open('list-b')
  const { body } = await app.send('GET', '/v1/sessions?prefix=list-&limit=10')
  assert.deepEqual(body.sessions.map(({ id }: { id: string }) => id).sort(), ['list-a', 'list-b'])
  await step('list-a', { step: 1, grads: g })
  assert.equal((await app.send('DELETE', '/v1/sessions/list-a')).status, 204)
  assert.equal((await step('list-a', { step: 2, grads: g })).body.code, 'session_not_found')
  await open('list-a')
  assert.equal((await step('list-a', { step: 1, grads: g })).body.replayed, false)
})

test('registered chains stand for their expression', async () => {
  const put = await app.send('PUT', '/v1/chains/usual', { chain })
  assert.equal(put.body.chain, 'chain(clip(max_delta=1), centralize(), adam(learning_rate=0.001))')
  const opened = await open('by-name', { chain: 'usual' })
  assert.equal(opened.status, 201)
  assert.equal(opened.body.chain, put.body.chain)
  assert.deepEqual((await app.send('GET', '/v1/chains')).body.chains, [{ name: 'usual' }])
  assert.equal((await app.send('DELETE', '/v1/chains/usual')).status, 204)
  assert.equal((await app.send('GET', '/v1/chains/usual')).body.code, 'chain_not_found')
})

test('the tree form means the same as the text', async () => {
  const tree = {
    name: 'chain',
    args: {
      transforms: [
        { name: 'clip', args: { max_delta: 1 } },
        { name: 'centralize' },
        { name: 'adam', args: { learning_rate: 1e-3 } },
      ],
    },
  }
  await open('tree')
  assert.equal((await open('tree', { chain: tree })).status, 200)
})

test('a session shows what runs in a step', async () => {
  await open('planned')
  const { body } = await app.send('GET', '/v1/sessions/planned?plan=1')
  assert.match(body.plan, /row by row in 2 phases/)
  assert.match(body.plan, /2\.scale_by_adam\.mu ← /)
  assert.equal((await app.send('GET', '/v1/sessions/planned')).body.plan, undefined)
})
