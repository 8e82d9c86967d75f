import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { f32, floats, inFolder, TestApp } from '../app.ts'

const tensors = [
  { name: 'embedding', shape: [5, 2] },
  { name: 'scale', shape: [] },
]
const i32 = (...rows: number[]) => new Uint8Array(Int32Array.from(rows).buffer)
const numbers = (bytes: Uint8Array) => [...new Int32Array(Uint8Array.from(bytes).buffer)]

let app: TestApp
before(async () => {
  app = await TestApp.start()
})
after(() => app.close())

const open = (id: string, chain: string, more: object = {}) =>
  app.send('PUT', `/v1/sessions/${id}`, { chain, tensors, ...more })
const step = (id: string, body: object) => app.send('POST', `/v1/sessions/${id}/steps`, body)
const grads = (rows: number[], ...data: number[]) => ({
  embedding: { rows: i32(...rows), data: f32(...data) },
  scale: f32(1),
})

test('the reply carries the rows that were sent, in their order', async () => {
  await open('order', 'sgd(0.5)')
  const { status, body } = await step('order', { step: 1, grads: grads([3, 0], 1, 2, 4, 6) })
  assert.equal(status, 200, JSON.stringify(body))
  assert.deepEqual(numbers(body.updates.embedding.rows), [3, 0])
  assert.deepEqual(floats(body.updates.embedding.data), [-0.5, -1, -2, -3])
  assert.deepEqual(floats(body.updates.scale), [-0.5])
  const again = await step('order', { step: 1, grads: grads([3, 0], 1, 2, 4, 6) })
  assert.equal(again.body.replayed, true)
  assert.deepEqual(again.body.updates, body.updates)
})

test('kept parameters of other rows stay, and those of the rows come back', async () => {
  const params = f32(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
  await open('kept', 'sgd(1.0)', { params })
  const { body } = await step('kept', { grads: grads([4, 1], 1, 1, 2, 2), want: { of: 'params' } })
  assert.deepEqual(numbers(body.params.embedding.rows), [4, 1])
  assert.deepEqual(floats(body.params.embedding.data), [8, 9, 1, 2])
  const { rawPayload: file } = await app.server.inject({ method: 'GET', url: '/v1/sessions/kept/params' })
  const start = 8 + Number(file.readBigUInt64LE(0))
  assert.deepEqual(floats(file.subarray(start)), [1, 2, 1, 2, 5, 6, 7, 8, 8, 9, 10])
})

test('no rows at all, and half precision', async () => {
  await open('none', 'adam(0.1)')
  const empty = await step('none', { step: 1, grads: grads([]) })
  assert.equal(empty.status, 200)
  assert.equal(empty.body.updates.embedding.rows.length, 0)
  assert.equal(empty.body.updates.embedding.data.length, 0)
  // 1 and −2 in BF16.
  const half = Uint8Array.of(0x80, 0x3f, 0x00, 0xc0)
  const { body } = await step('none', {
    step: 2,
    dtype: 'BF16',
    grads: { embedding: { rows: i32(2), data: half }, scale: half.slice(0, 2) },
    want: { dtype: 'F32', stats: true },
  })
  assert.deepEqual(floats(body.updates.embedding.data).map(Math.sign), [-1, 1])
  assert.ok(Math.abs(body.stats.grad_norm - Math.sqrt(6)) < 1e-6)
})

test('rows in apply', async () => {
  const { body } = await app.send('POST', '/v1/apply', {
    chain: 'chain(centralize(), scale(2.0))',
    tensors,
    grads: grads([1], 1, 3),
  })
  assert.deepEqual(floats(body.updates.embedding.data), [-2, 2])
})

test('steps of rows are there after a restart', async () => {
  await inFolder(async (folder) => {
    const params = f32(...new Array(11).fill(1))
    const run = async (restart: boolean) => {
      const config = { store: `lmdb:${folder}/${restart}` } as const
      let own = await TestApp.start(config)
      const send = (n: number) =>
        own.send('POST', '/v1/sessions/s/steps', {
          step: n,
          grads: grads([n % 5, (n + 2) % 5], n, 1, 2, -n),
          want: { of: 'params' },
        })
      await own.send('PUT', '/v1/sessions/s', { chain: 'adam(0.1)', tensors, params })
      const replies: Buffer[] = []
      for (let n = 1; n <= 6; n++) {
        const first = await send(n)
        assert.equal(first.status, 200, JSON.stringify(first.body))
        replies.push(first.body.params.embedding.data)
        if (!restart) continue
        await own.close()
        own = await TestApp.start(config)
        const again = await send(n)
        assert.equal(again.body.replayed, true)
        assert.deepEqual(again.body.params, first.body.params)
      }
      await own.close()
      return replies
    }
    assert.deepEqual(await run(true), await run(false))
  })
})

test('what cannot be is refused with a reason, and changes nothing', async () => {
  await open('wrong', 'sgd(0.1)')
  const data = f32(1, 2, 3, 4)
  const part = (rows: Uint8Array, more: Uint8Array = data) => ({
    embedding: { rows, data: more },
    scale: f32(1),
  })
  const cases: readonly (readonly [object, string, RegExp])[] = [
    [
      part(i32(2, 2)),
      'schema_mismatch',
      /embedding has the row 2 twice, at the latest as rows\[1\]: add up what belongs to one row/,
    ],
    [part(i32(2, 5)), 'schema_mismatch', /embedding.rows\[1\] is 5, expected a row of \[5,2\], 0 to 4/],
    [part(i32(-1, 5)), 'schema_mismatch', /embedding.rows\[0\] is -1, expected a row/],
    [part(i32(1)), 'schema_mismatch', /embedding.data as F32 \[1,2\]: 16 bytes, expected 8/],
    [part(new Uint8Array(7)), 'schema_mismatch', /embedding.rows as I32: 7 bytes/],
    [
      { embedding: new Uint8Array(40), scale: { rows: i32(0), data: f32(1) } },
      'schema_mismatch',
      /grads.scale is a scalar and has no rows/,
    ],
    [{ embedding: { rows: i32(1) }, scale: f32(1) }, 'invalid_request', /\{rows, data\}, both of them bins/],
    [
      { embedding: { rows: [1], data }, scale: f32(1) },
      'invalid_request',
      /\{rows, data\}, both of them bins/,
    ],
    [{ embedding: { rows: i32(1, 2), data, extra: data }, scale: f32(1) }, 'invalid_request', /bins/],
  ]
  for (const [given, code, detail] of cases) {
    const { status, body } = await step('wrong', { step: 1, grads: given })
    assert.equal(status, 422, JSON.stringify(body))
    assert.equal(body.code, code)
    assert.match(body.detail, detail)
  }
  const kept = await open('params', 'sgd(0.1)', { params: part(i32(0, 1)) })
  assert.equal(kept.body.code, 'invalid_request')
  assert.equal((await step('wrong', { step: 1, grads: grads([0, 1], 1, 2, 3, 4) })).status, 200)
})

test('parameters of other rows than the gradients are refused', async () => {
  await open('other', 'adamw(0.1)')
  const rows = { ...grads([2, 0], 1, 2, 3, 4) }
  for (const [params, detail] of [
    [grads([0, 2], 1, 2, 3, 4), /params.embedding has rows, and they are not those of grads/],
    [grads([2], 1, 2), /not those of grads/],
  ] as const) {
    const { body } = await step('other', { step: 1, grads: rows, params })
    assert.equal(body.code, 'schema_mismatch')
    assert.match(body.detail, detail)
  }
  const whole = { embedding: f32(...new Array(10).fill(1)), scale: f32(1) }
  const { body } = await step('other', { step: 1, grads: whole, params: rows })
  assert.match(body.detail, /grads has the whole tensor/)
  assert.equal((await step('other', { step: 1, grads: rows, params: rows })).status, 200)
})

test('a chain that cannot treat rows alone says why; other tensors may still come whole', async () => {
  for (const [chain, reason] of [
    ['add_noise(0.1, 0.5)', /rows of embedding alone, because normal is computed from the tensor as a whole/],
    ['sm3(0.1)', /it takes the max over rows: send all of grads.embedding/],
    ['galore(0.1, 1)', /because singular_vectors is computed from the tensor as a whole/],
    ['lookahead(sgd(0.1), 2, 0.5)', /because lookahead.slow becomes the parameters/],
  ] as const) {
    const id = chain.slice(0, 3)
    await open(id, chain, { params: f32(...new Array(11).fill(1)) })
    const { status, body } = await step(id, { step: 1, grads: grads([1], 1, 2) })
    assert.equal(status, 422)
    assert.equal(body.code, 'invalid_request')
    assert.equal(body.path, '/grads/embedding')
    assert.match(body.detail, reason)
    assert.equal((await step(id, { step: 1, grads: f32(...new Array(11).fill(1)) })).status, 200)
  }
  await open('mixed', 'partition({"a": sm3(0.1), "b": adagrad(0.1)}, {"scale": "a", "**": "b"})')
  assert.equal((await step('mixed', { step: 1, grads: grads([1], 1, 2) })).status, 200)
})

test('the catalogue and a session say what becomes of rows', async () => {
  const { body } = await app.send('GET', '/v1/transformations')
  const rows = new Map<string, unknown>(
    body.transformations.map(({ name, rows }: { name: string; rows: unknown }) => [name, rows]),
  )
  assert.deepEqual(rows.get('centralize'), { kind: 'exact' })
  assert.deepEqual(rows.get('scale_by_adam'), {
    kind: 'lazy',
    changes: ['scale_by_adam.mu', 'scale_by_adam.nu', 'update'],
  })
  assert.equal((rows.get('scale_by_muon') as { kind: string }).kind, 'none')
  assert.equal(rows.get('constant_schedule'), undefined)
  await open('said', 'chain(centralize(), adam(0.1))')
  const { body: session } = await app.send('GET', '/v1/sessions/said?plan=1')
  assert.match(session.plan, /rows of group 0: lazy \(1\.scale_by_adam\.mu, .*, update\)\n/)
})
