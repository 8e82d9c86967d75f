import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { TestApp } from '../app.ts'

// What would take memory or time beyond all measure is refused before anything is taken for it.

let app: TestApp
before(async () => {
  app = await TestApp.start()
})
after(() => app.close())

const one = (...shape: number[]) => [{ name: 'w', shape }]
const many = (count: number) => Array.from({ length: count }, (_, i) => ({ name: `t${i}`, shape: [i + 1] }))
const adams = `chain(${Array(100).fill('adam(1e-3)').join(', ')})`

for (const [what, chain, tensors, code] of [
  ['a tensor of 2³⁰ elements', 'adam(1e-3)', one(2 ** 30), 'invalid_request'],
  [
    'a tensor of more elements than there are numbers',
    'sgd(1.0)',
    one(...Array(16).fill(2 ** 40)),
    'invalid_request',
  ],
  ['a long memory', 'scale_by_lbfgs(memory_size=1000000)', one(4), 'bad_option'],
  ['a memory of a large tensor', 'scale_by_lbfgs(memory_size=64)', one(2 ** 24), 'invalid_request'],
  ['many iterations', 'scale_by_muon(ns_steps=1000000000)', one(4, 4), 'bad_option'],
  ['an integer that is none any more', 'apply_every(k=1e300)', one(4), 'bad_option'],
  ['many calls on many tensors', adams, many(10_000), 'invalid_request'],
] as const)
  test(`${what}: refused at once, in an open and in an apply`, async () => {
    const before = process.memoryUsage.rss()
    const since = process.cpuUsage()
    for (const answer of [
      await app.send('PUT', '/v1/sessions/a', { chain, tensors }),
      await app.send('POST', '/v1/apply', { chain, tensors, grads: new Uint8Array(16) }),
    ]) {
      assert.equal(answer.status, 422, JSON.stringify(answer.body))
      assert.equal(answer.body.code, code, answer.body.detail)
    }
    const { user, system } = process.cpuUsage(since)
    assert.ok(user + system < 1_500_000, `${(user + system) / 1000} ms`)
    assert.ok(process.memoryUsage.rss() - before < 128 * 2 ** 20)
    assert.equal((await app.send('GET', '/v1/sessions/a')).status, 404)
  })

test('keys and strings that decoders differ about are refused', async () => {
  const send = async (hex: string) => {
    const headers = { 'content-type': 'application/msgpack' }
    const payload = Buffer.from(hex, 'hex')
    const { status, body } = await app.raw({ method: 'PUT', url: '/v1/sessions/a', payload, headers })
    assert.equal(status, 400, JSON.stringify(body))
    return String(body.detail)
  }
  // {"a": nil, "a": nil}: the second key with a longer head.
  assert.match(await send('82a161c0d90161c0'), /twice/)
  assert.match(await send('81a95f5f70726f746f5f5fc0'), /__proto__/)
  assert.match(await send(`81a161db00200000${'61'.repeat(2 ** 21)}`), /a string has 2097152 bytes/)
})

test('JSON is bounded by itself: it has no tensors', async () => {
  const payload = `{"chain": "${'x'.repeat(2 ** 24)}"}`
  const headers = { 'content-type': 'application/json' }
  const { status, body } = await app.raw({ method: 'PUT', url: '/v1/sessions/a', payload, headers })
  assert.deepEqual([status, body.code, body.limit], [413, 'body_too_large', 2 ** 24])
})
