import assert from 'node:assert/strict'
import { test } from 'node:test'
import { narrow, widen } from '../../server/engines/dtypes.ts'
import { TestApp } from '../app.ts'
import { loadVectors, type Vector } from '../vectors/load.ts'

const evaluated = loadVectors().filter(({ evaluation }) => evaluation !== undefined)

test('there are vectors of parameters to evaluate with', () => {
  const names = new Set(evaluated.map(({ name }) => name.split('/')[0]))
  assert.deepEqual([...names], ['lookahead', 'schedule_free', 'schedule_free_adamw', 'schedule_free_sgd'])
})

for (const [engine, dtype, tolerance] of [
  ['reference', 'F64', 1e-12],
  ['wasm', 'F32', 1e-5],
] as const) {
  test(`parameters to evaluate with are Optax's: ${engine}`, async (t) => {
    const app = await TestApp.start({ engine })
    t.after(() => app.close())
    const apart: number[] = []
    for (const vector of evaluated) {
      const { chain, tensors, params, evaluation = new Float64Array() } = vector
      const path = `/v1/sessions/${vector.name.replaceAll('/', '.')}`
      await app.send('PUT', path, { chain, tensors, params: narrow(params, 'F32') })
      const first = await paramsOf(app, `${path}/params?of=eval&dtype=${dtype}`)
      assert.ok(distance(first, params) <= tolerance, `${vector.name}: before the first step`)
      await steps(app, path, vector, 1, 10)
      const found = await paramsOf(app, `${path}/params?of=eval&dtype=${dtype}`)
      const off = distance(found, evaluation)
      assert.ok(off <= tolerance, `${vector.name} is off by ${off}`)
      const kept = await paramsOf(app, `${path}/params?dtype=${dtype}`)
      apart.push(distance(kept, evaluation))
    }
    assert.ok(apart.filter((far) => far > 1e-3).length > apart.length / 2, `${apart}`)
  })
}

test('to ask for them changes nothing', async (t) => {
  const app = await TestApp.start({ engine: 'wasm' })
  t.after(() => app.close())
  const chain =
    'chain(clip(1.0), MultiSteps(schedule_free(adam(0.1, b1=0.0), 0.1), 2), lookahead(sgd(1.0), 3, 0.5))'
  const vector = { ...(evaluated[0] as Vector), chain }
  const { tensors, params } = vector
  const last = []
  for (const id of ['asked', 'silent']) {
    const path = `/v1/sessions/${id}`
    await app.send('PUT', path, { chain, tensors, params: narrow(params, 'F32') })
    for (let n = 1; n <= 10; n++) {
      last[n] = await steps(app, path, vector, n, n)
      if (id === 'asked') await paramsOf(app, `${path}/params?of=eval`)
    }
    last.push(await paramsOf(app, `${path}/params`))
  }
  assert.deepEqual(last.at(-1), last.at(-2))
})

test('sam is evaluated where its round began, other chains with their parameters', async (t) => {
  const app = await TestApp.start({ engine: 'reference' })
  t.after(() => app.close())
  const vector = evaluated[0] as Vector
  const { tensors, params } = vector
  const chains = {
    sam: 'sam(sgd(0.1), chain(normalize(), sgd(0.05)), sync_period=2)',
    adam: 'adam(0.1)',
    part: 'masked(lookahead(sgd(0.1), 5, 0.5), "dense")',
    flat: 'flatten(lookahead(sgd(0.1), 5, 0.5))',
  }
  const found: Record<string, readonly [kept: Float64Array, evaluated: Float64Array]> = {}
  for (const [id, chain] of Object.entries(chains)) {
    const path = `/v1/sessions/${id}`
    await app.send('PUT', path, { chain, tensors, params: narrow(params, 'F32') })
    await steps(app, path, vector, 1, 1)
    found[id] = [
      await paramsOf(app, `${path}/params?dtype=F64`),
      await paramsOf(app, `${path}/params?of=eval&dtype=F64`),
    ]
  }
  const of = (id: string) => found[id] ?? assert.fail(id)
  assert.notDeepEqual(of('sam')[0], params)
  assert.deepEqual(of('sam')[1], params)
  assert.deepEqual(of('adam')[1], of('adam')[0])
  assert.deepEqual(of('flat')[1], params)
  const size = ({ shape }: Vector['tensors'][number]) => shape.reduce((n, d) => n * d, 1)
  const dense = tensors.findIndex(({ name }) => name === 'dense')
  const from = tensors.slice(0, dense).reduce((n, tensor) => n + size(tensor), 0)
  const own = of('part')[0].slice()
  const to = from + size(tensors[dense] as Vector['tensors'][number])
  own.set(params.subarray(from, to), from)
  assert.deepEqual(of('part')[1], own)
})

test('where the server keeps no parameters there are none to evaluate with', async (t) => {
  const app = await TestApp.start({ engine: 'reference' })
  t.after(() => app.close())
  await app.send('PUT', '/v1/sessions/none', { chain: 'sgd(0.1)', tensors: [{ name: 'w', shape: [2] }] })
  const { status } = await app.send('GET', '/v1/sessions/none/params?of=eval')
  assert.equal(status, 422)
  const { body } = await app.send('GET', '/v1/sessions/none/params?of=updates')
  assert.equal(body.code, 'invalid_request')
})

test('large ones are sent from where the engine wrote them', async (t) => {
  const app = await TestApp.start({ engine: 'wasm' })
  t.after(() => app.close())
  const size = 100_000
  const params = Float64Array.from({ length: size }, (_, i) => Math.fround(Math.sin(i)))
  const tensors = [{ name: 'w', shape: [size] }]
  const chain = 'lookahead(sgd(0.1), 5, 0.5)'
  await app.send('PUT', '/v1/sessions/large', { chain, tensors, params: narrow(params, 'F32') })
  await app.send('POST', '/v1/sessions/large/steps', { grads: narrow(params, 'F32') })
  for (let n = 0; n < 3; n++)
    assert.deepEqual(await paramsOf(app, '/v1/sessions/large/params?of=eval'), params)
})

/** Sends steps of a vector, and answers with the bytes of the last reply. */
async function steps(
  app: TestApp,
  path: string,
  vector: Vector,
  from: number,
  to: number,
): Promise<Uint8Array> {
  let raw: Uint8Array = new Uint8Array()
  for (let step = from; step <= to; step++) {
    const grads = narrow(vector.gradients[step - 1] ?? new Float64Array(), 'F32')
    const value = vector.losses[step - 1]
    const reply = await app.send('POST', `${path}/steps`, { step, grads, value })
    assert.equal(reply.status, 200, JSON.stringify(reply.body))
    raw = reply.raw
  }
  return raw
}

/** The numbers of a safetensors file, tensor by tensor. */
async function paramsOf(app: TestApp, url: string): Promise<Float64Array> {
  const { statusCode, rawPayload } = await app.server.inject({ method: 'GET', url })
  assert.equal(statusCode, 200, rawPayload.toString())
  const dtype = url.includes('dtype=F64') ? 'F64' : 'F32'
  return widen({ dtype, bytes: rawPayload.subarray(8 + Number(rawPayload.readBigUInt64LE(0))) })
}

const distance = (a: Float64Array, b: Float64Array) =>
  Math.hypot(...a.map((x, i) => x - (b[i] ?? Number.NaN))) / Math.hypot(...b)
