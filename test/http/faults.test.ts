import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Engine } from '../../server/engines/engine.ts'
import { referenceEngine } from '../../server/engines/reference.ts'
import { Access } from '../../server/http/access.ts'
import { Admission } from '../../server/http/admission.ts'
import { Drain } from '../../server/http/drain.ts'
import { buildServer } from '../../server/http/server.ts'
import { Programs } from '../../server/sessions/program.ts'
import { Registry } from '../../server/sessions/registry.ts'
import { Sessions } from '../../server/sessions/sessions.ts'
import { openStore } from '../../server/stores/index.ts'
import { f32, TestApp } from '../app.ts'
import { startRedis } from '../redis.ts'

const tensors = [{ name: 'w', shape: [3] }]
const open = { chain: 'adam(0.1)', tensors }
const grads = f32(1, 2, 3)

test('store_unavailable: Redis is gone, and comes back', async () => {
  const redis = await startRedis({ appendonly: 'yes', appendfsync: 'always' })
  const app = await TestApp.start({ store: redis.url })
  try {
    await app.send('PUT', '/v1/sessions/a', open)
    const first = await app.send('POST', '/v1/sessions/a/steps', { step: 1, grads })
    await redis.kill()
    const refused = await app.send('POST', '/v1/sessions/a/steps', { step: 2, grads })
    assert.equal(refused.status, 503)
    assert.equal(refused.body.code, 'store_unavailable')
    assert.match(String(refused.headers['retry-after']), /^\d+$/)
    assert.equal((await app.send('GET', '/readyz')).body.code, 'store_unavailable')
    assert.equal((await app.send('GET', '/healthz')).status, 200)
    await redis.restart()
    const again = await app.send('POST', '/v1/sessions/a/steps', { step: 1, grads })
    assert.equal(again.body.replayed, true)
    assert.deepEqual(again.body.updates, first.body.updates)
    assert.equal((await app.send('POST', '/v1/sessions/a/steps', { step: 2, grads })).body.step, 2)
  } finally {
    await app.close()
    await redis.stop()
  }
})

test('state_lost: bytes of the journal are missing', async () => {
  const redis = await startRedis()
  try {
    const one = await TestApp.start({ store: redis.url })
    await one.send('PUT', '/v1/sessions/a', open)
    await one.send('POST', '/v1/sessions/a/steps', { step: 1, grads })
    await one.close()
    const client = redis.client()
    const bodies = (await client.keys('*')).filter((key) => key.includes(':b:'))
    assert.equal(bodies.length, 1)
    await client.del(...bodies)
    client.disconnect()
    const two = await TestApp.start({ store: redis.url })
    const answer = await two.send('POST', '/v1/sessions/a/steps', { step: 2, grads })
    assert.equal(answer.status, 500)
    assert.equal(answer.body.code, 'state_lost')
    await two.close()
  } finally {
    await redis.stop()
  }
})

test('internal_error: an engine that breaks once loses nothing', async () => {
  const real = referenceEngine()
  let breaks = 0
  const engine: Engine = {
    ...real,
    async open(plan, start) {
      const replica = await real.open(plan, start)
      return {
        step: (input) =>
          breaks-- > 0 ? Promise.reject(new Error('device lost at /secret')) : replica.step(input),
        save: () => replica.save(),
        close: () => replica.close(),
      }
    },
  }
  const store = await openStore('memory:')
  const programs = new Programs()
  let ids = 0
  const sessions = new Sessions({
    engine,
    store,
    programs,
    budget: { entries: 4, bytes: 1, states: 1 },
    memoryLimit: 1e9,
    queueLimit: 8,
    random: () => String(ids++).padStart(32, '0'),
    warn: (message) => assert.fail(message),
  })
  const services = { sessions, registry: new Registry(store), programs, engine, store, now: () => 0 }
  const server = buildServer(services, {
    bodyLimit: 1e6,
    requestTimeout: 1e4,
    logger: false,
    drain: new Drain(),
    stallTimeout: 1e4,
    access: new Access({ keysFile: undefined, local: true }, store, () => 0),
    admission: new Admission({ bytes: 1e9, requests: 100, share: 1 }),
  })
  const app = TestApp.of(server)
  await app.send('PUT', '/v1/sessions/a', open)
  await app.send('POST', '/v1/sessions/a/steps', { step: 1, grads })
  breaks = 1
  const broken = await app.send('POST', '/v1/sessions/a/steps', { step: 2, grads })
  assert.equal(broken.status, 500)
  assert.equal(broken.body.code, 'internal_error')
  assert.doesNotMatch(broken.body.detail, /secret/)
  // The step was taken: it is in the journal, from which the state is made again.
  const again = await app.send('POST', '/v1/sessions/a/steps', { step: 2, grads })
  assert.equal(again.body.replayed, true)
  await app.close()
})
