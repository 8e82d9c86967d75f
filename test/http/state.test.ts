import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSafetensors, writeSafetensors } from '../../server/sessions/safetensors.ts'
import { type Answer, f32, floats, TestApp } from '../app.ts'
import { loadVectors, type Vector } from '../vectors/load.ts'

const f32s = (values: Float64Array) => new Uint8Array(Float32Array.from(values).buffer)
const grads = ({ gradients }: Vector, step: number) =>
  f32s(gradients[(step - 1) % gradients.length] ?? new Float64Array())

const take = (app: TestApp, id: string, vector: Vector, step: number) =>
  app.send('POST', `/v1/sessions/${id}/steps`, {
    step,
    grads: grads(vector, step),
    value: vector.losses[(step - 1) % vector.losses.length],
    want: { of: 'params' },
  })
const open = (app: TestApp, id: string, { chain, tensors, params }: Vector) =>
  app.send('PUT', `/v1/sessions/${id}`, { chain, tensors, params: f32s(params) })
const read = (app: TestApp, id: string) => app.send('GET', `/v1/sessions/${id}/state`)
const put = (app: TestApp, id: string, file: Uint8Array, headers: Record<string, string> = {}) =>
  app.raw({
    method: 'PUT',
    url: `/v1/sessions/${id}/state`,
    payload: Buffer.from(file),
    headers: { 'content-type': 'application/octet-stream', ...headers },
  })
const ok = (answer: Answer, status = 200): Answer => {
  assert.equal(answer.status, status, JSON.stringify(answer.body))
  return answer
}

async function using(work: (app: TestApp, other: TestApp) => Promise<void>, engine = 'wasm'): Promise<void> {
  const apps = [
    await TestApp.start({ engine, threads: 1 }),
    await TestApp.start({ engine, threads: 1 }),
  ] as const
  try {
    await work(...apps)
  } finally {
    for (const app of apps) await app.close()
  }
}

/** One of each file: all that a chain may call. */
const vectors = [...new Map(loadVectors().map((vector) => [vector.name.split('/')[0], vector])).values()]
const named = (name: string): Vector => {
  const found = vectors.find((vector) => vector.name.startsWith(`${name}/`) || vector.name === name)
  assert.ok(found, name)
  return found
}

for (const [engine, chains] of [
  ['wasm', vectors],
  ['reference', vectors.filter((_, i) => i % 8 === 0)],
] as const)
  test(`${engine}: state of ${chains.length} chains goes to another server and on as if it had stayed`, () =>
    using(async (app, other) => {
      for (const vector of chains) {
        await open(app, 'a', vector)
        for (let step = 1; step <= 3; step++) ok(await take(app, 'a', vector, step))
        const file = ok(await read(app, 'a'))
        assert.equal(file.headers.etag, '"3"')
        const made = ok(await put(other, 'b', file.raw), 201)
        assert.equal(made.body.step, 3)
        const there = ok(await read(other, 'b'))
        assert.ok(there.raw.equals(file.raw), `${vector.name}: the state given back is another`)
        for (let step = 4; step <= 13; step++) {
          const expected = ok(await take(app, 'a', vector, step))
          const found = ok(await take(other, 'b', vector, step))
          assert.ok(expected.body.params.equals(found.body.params), `${vector.name}: step ${step}`)
        }
        await app.send('DELETE', '/v1/sessions/a')
        await other.send('DELETE', '/v1/sessions/b')
      }
    }, engine))

const small: Vector = { ...named('adamw'), chain: 'chain(clip_by_global_norm(1.0), adamw(1e-2))' }

test('the file says all there is: a tensor a slot, scalars in F64, kept parameters, the rest as metadata', () =>
  using(async (app) => {
    const { tensors } = small
    await open(app, 'a', small)
    ok(await take(app, 'a', small, 1))
    const { metadata, tensors: found } = readSafetensors((await read(app, 'a')).raw)
    const names = tensors.map(({ name }) => name)
    assert.deepEqual(
      [...found.keys()].sort(),
      [
        '1.scale_by_adam.count',
        ...names.flatMap((name) => [
          `1.scale_by_adam.mu/${name}`,
          `1.scale_by_adam.nu/${name}`,
          `params/${name}`,
        ]),
      ].sort(),
    )
    assert.deepEqual(found.get('1.scale_by_adam.count')?.shape, [])
    assert.equal(found.get('1.scale_by_adam.count')?.dtype, 'F64')
    for (const { name, shape } of tensors) assert.deepEqual(found.get(`params/${name}`)?.shape, shape)
    const described = (await app.send('GET', '/v1/sessions/a')).body
    assert.equal(metadata.get('stepd'), '1')
    assert.equal(metadata.get('step'), '1')
    assert.equal(metadata.get('chain'), described.chain)
    assert.equal(metadata.get('schema_hash'), described.schema_hash)
    assert.deepEqual(JSON.parse(metadata.get('hyperparams') ?? ''), described.hyperparams)
    assert.match(metadata.get('numerics') ?? '', /^wasm/)
  }))

test('a session goes back to a step, with its hyperparams, and takes other steps from there', () =>
  using(async (app) => {
    await open(app, 'a', small)
    for (let step = 1; step <= 2; step++) await take(app, 'a', small, step)
    await app.send('PATCH', '/v1/sessions/a', { hyperparams: { learning_rate: 0.5 } })
    const file = (await read(app, 'a')).raw
    const first = (await take(app, 'a', small, 3)).body.params
    await app.send('PATCH', '/v1/sessions/a', { hyperparams: { learning_rate: 0.25 } })
    for (let step = 4; step <= 6; step++) await take(app, 'a', small, step)
    const back = ok(await put(app, 'a', file))
    assert.equal(back.body.step, 2)
    assert.equal(back.headers.etag, '"2"')
    assert.equal(back.body.hyperparams['1.learning_rate'], 0.5)
    assert.equal(back.body.exact_from, 3)
    // Of the step that the state is after there is no reply; those beyond it are ahead of their turn.
    const past = await take(app, 'a', small, 2)
    assert.deepEqual([past.status, past.body.code, past.body.current_step], [409, 'step_past', 2])
    assert.equal((await take(app, 'a', small, 7)).body.code, 'step_gap')
    assert.ok((await take(app, 'a', small, 3)).body.params.equals(first))
    assert.equal((await take(app, 'a', small, 3)).body.replayed, true)
  }))

test('If-Match guards a restore, and the same one may be sent again', () =>
  using(async (app) => {
    await open(app, 'a', small)
    await take(app, 'a', small, 1)
    const file = (await read(app, 'a')).raw
    await take(app, 'a', small, 2)
    const refused = await put(app, 'a', file, { 'if-match': '"1"' })
    assert.deepEqual(
      [refused.status, refused.body.code, refused.body.current_step],
      [412, 'precondition_failed', 2],
    )
    assert.equal((await put(app, 'a', file, { 'if-match': 'two' })).body.code, 'invalid_request')
    assert.equal((await put(app, 'none', file, { 'if-match': '"2"' })).body.code, 'session_not_found')
    assert.equal(ok(await put(app, 'a', file, { 'if-match': '"2"' })).body.step, 1)
    // Its answer was lost: it has been done.
    assert.equal(ok(await put(app, 'a', file, { 'if-match': '"2"' })).body.step, 1)
    await take(app, 'a', small, 2)
    await take(app, 'a', small, 3)
    assert.equal((await put(app, 'a', file, { 'if-match': '"2"' })).status, 412)
    assert.equal(ok(await put(app, 'a', file, { 'if-match': '"3"' })).body.step, 1)
  }))

test('a file of another session is refused, and nothing has changed', () =>
  using(async (app) => {
    await open(app, 'a', small)
    await take(app, 'a', small, 1)
    const file = (await read(app, 'a')).raw
    const [tensor] = small.tensors
    const others: readonly [string, object, RegExp][] = [
      ['chain', { chain: 'adamw(1e-2)' }, /chain is adamw/],
      [
        'tensors',
        { tensors: [{ ...tensor, name: 'other' }, ...small.tensors.slice(1)] },
        /tensor 0 is other/,
      ],
      ['seed', { seed: 7 }, /seed is 7/],
    ]
    for (const [id, different, reason] of others) {
      const { chain, tensors, params } = small
      ok(
        await app.send('PUT', `/v1/sessions/${id}`, { chain, tensors, params: f32s(params), ...different }),
        201,
      )
      const refused = await put(app, id, file)
      assert.deepEqual([refused.status, refused.body.code], [409, 'spec_conflict'])
      assert.match(refused.body.detail, reason)
      assert.equal((await app.send('GET', `/v1/sessions/${id}`)).body.step, 0)
    }
    const { chain, tensors } = small
    ok(await app.send('PUT', '/v1/sessions/keeps', { chain: 'sgd(0.1)', tensors }), 201)
    assert.match((await put(app, 'keeps', file)).body.detail, /chain is sgd.*params are not kept/)
    assert.ok((await read(app, 'a')).raw.equals(file), chain)
  }))

test('how steps are shared is no part of the state', () =>
  using(async (app, other) => {
    await open(app, 'a', small)
    await take(app, 'a', small, 1)
    const { chain, tensors, params } = small
    const shared = { chain, tensors, params: f32s(params), workers: 2 }
    ok(await other.send('PUT', '/v1/sessions/a', shared), 201)
    const restored = ok(await put(other, 'a', (await read(app, 'a')).raw))
    assert.deepEqual([restored.body.step, restored.body.workers], [1, 2])
    ok(await put(app, 'b', (await read(other, 'a')).raw), 201)
    assert.equal((await app.send('GET', '/v1/sessions/b')).body.workers, 2)
  }))

/** A file with its header changed. */
function altered(
  file: Buffer,
  change: (header: { __metadata__: Record<string, string>; [name: string]: unknown }) => object | undefined,
): Buffer {
  const length = Number(file.readBigUInt64LE())
  const header = JSON.parse(file.subarray(8, 8 + length).toString())
  const text = Buffer.from(JSON.stringify(change(header) ?? header))
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([size, text, file.subarray(8 + length)])
}

interface Place {
  dtype: string
  shape: number[]
  data_offsets: [number, number]
}

test('a file that is not right is refused with the reason, wherever it is put', () =>
  using(async (app, other) => {
    await open(app, 'a', small)
    await take(app, 'a', small, 1)
    const file = (await read(app, 'a')).raw
    const name = `1.scale_by_adam.mu/${small.tensors[0]?.name}`
    const place = (change: (place: Place) => void) =>
      altered(file, (header) => void change(header[name] as Place))
    const meta = (change: (metadata: Record<string, string>) => void) =>
      altered(file, ({ __metadata__, ...rest }) => {
        change(__metadata__)
        return { __metadata__, ...rest }
      })
    const without = (field: string) => meta((metadata) => Reflect.deleteProperty(metadata, field))
    const rewritten = (
      change: (
        tensors: ReturnType<typeof readSafetensors>['tensors'],
      ) => Parameters<typeof writeSafetensors>[0],
    ) => {
      const { metadata, tensors } = readSafetensors(file)
      return Buffer.concat(writeSafetensors(change(tensors), Object.fromEntries(metadata)))
    }
    const huge = Buffer.alloc(16)
    huge.writeBigUInt64LE(2n ** 63n)
    const cases: readonly [Buffer, string, RegExp][] = [
      [Buffer.from('1234'), 'malformed_body', /4 bytes/],
      [huge, 'malformed_body', /header is to have/],
      [file.subarray(0, 100), 'malformed_body', /header is to have/],
      [file.subarray(0, file.length - 4), 'malformed_body', /tensors end at/],
      [Buffer.concat([file, Buffer.alloc(4)]), 'malformed_body', /tensors end at/],
      [
        Buffer.concat([file.subarray(0, 8), Buffer.from(' '), file.subarray(9)]),
        'malformed_body',
        /begin with \{/,
      ],
      [
        Buffer.concat([file.subarray(0, 9), Buffer.from('}'), file.subarray(10)]),
        'malformed_body',
        /no JSON/,
      ],
      [
        altered(file, (header) => ({ ...header, __metadata__: { stepd: 1 } })),
        'malformed_body',
        /map of strings/,
      ],
      [altered(file, (header) => ({ ...header, [name]: 7 })), 'malformed_body', /is not \{dtype/],
      [place((at) => at.shape.push(-1)), 'malformed_body', /is not \{dtype/],
      [place((at) => at.shape.push(2)), 'malformed_body', /expected/],
      [place((at) => Object.assign(at, { dtype: 'I64' })), 'malformed_body', /is I64, expected F32/],
      [place((at) => Object.assign(at, { dtype: 'constructor' })), 'malformed_body', /is constructor/],
      [
        place((at) => {
          const [begin, end] = at.data_offsets
          at.data_offsets = [begin - 4, end - 4]
        }),
        'malformed_body',
        /lies over another|leaves a hole/,
      ],
      [
        altered(file, (header) => void Reflect.deleteProperty(header, name)),
        'malformed_body',
        /leaves a hole/,
      ],
      [without('stepd'), 'invalid_request', /stepd of the file is not there/],
      [without('chain'), 'invalid_request', /chain of the file is missing/],
      [
        meta((metadata) => Object.assign(metadata, { step: '-1' })),
        'invalid_request',
        /step of the file is -1/,
      ],
      [meta((metadata) => Object.assign(metadata, { step: '1e99' })), 'invalid_request', /step of the file/],
      [meta((metadata) => Object.assign(metadata, { tensors: '{' })), 'invalid_request', /no JSON/],
      [
        meta((metadata) => Object.assign(metadata, { tensors: '[{"name":"w"}]' })),
        'invalid_request',
        /shape/,
      ],
      [meta((metadata) => Object.assign(metadata, { seed: 'x' })), 'invalid_request', /seed/],
      [
        meta((metadata) => Object.assign(metadata, { sharing: '{"workers":-1}' })),
        'invalid_request',
        /workers/,
      ],
      [
        meta((metadata) => Object.assign(metadata, { sharing: '{"extra":1}' })),
        'invalid_request',
        /extra of the file is nothing/,
      ],
      [meta((metadata) => Object.assign(metadata, { schema_hash: 'x' })), 'invalid_request', /schema_hash/],
      [
        meta((metadata) => Object.assign(metadata, { hyperparams: '[true]' })),
        'invalid_request',
        /map of numbers/,
      ],
      [meta((metadata) => Object.assign(metadata, { hyperparams: '{"b9":1}' })), 'bad_option', /b9/],
      [meta((metadata) => Object.assign(metadata, { chain: 'adamm(1)' })), 'unknown_transformation', /adamm/],
      [meta((metadata) => Object.assign(metadata, { chain: 'adam(' })), 'malformed_chain', /./],
      [
        rewritten((tensors) => [...tensors.values()].filter((tensor) => tensor.name !== name)),
        'schema_mismatch',
        /no tensor/,
      ],
      [
        rewritten((tensors) => [
          ...tensors.values(),
          { name: 'extra', dtype: 'F32', shape: [], bytes: new Uint8Array(4) },
        ]),
        'schema_mismatch',
        /a tensor extra/,
      ],
      [
        rewritten((tensors) =>
          [...tensors.values()].map((tensor) =>
            tensor.name === name ? { ...tensor, shape: [1, ...tensor.shape] } : tensor,
          ),
        ),
        'schema_mismatch',
        /in the file, expected/,
      ],
    ]
    for (const [i, [wrong, code, reason]] of cases.entries()) {
      for (const [server, id] of [
        [app, 'a'],
        [other, 'new'],
      ] as const) {
        const refused = await put(server, id, wrong)
        assert.equal(refused.body?.code, code, `case ${i}: ${JSON.stringify(refused.body)}`)
        assert.match(refused.body.detail, reason, `case ${i}`)
      }
    }
    assert.ok((await read(app, 'a')).raw.equals(file))
    assert.equal((await other.send('GET', '/v1/sessions/new')).status, 404)
  }))

test('only files are put as state, and files are put nowhere else', () =>
  using(async (app) => {
    await open(app, 'a', small)
    for (const type of ['application/msgpack', 'application/json'])
      assert.equal((await put(app, 'a', Buffer.from([]), { 'content-type': type })).status, 415)
    const stray = { payload: Buffer.from('x'), headers: { 'content-type': 'application/octet-stream' } }
    const answer = await app.raw({ method: 'POST', url: '/v1/sessions/a/steps', ...stray })
    assert.deepEqual([answer.status, answer.body.code], [415, 'unsupported_media_type'])
    assert.equal((await app.send('GET', '/v1/sessions/none/state')).body.code, 'session_not_found')
  }))

test('a counter without end in a file does not hold the server up', () =>
  using(async (app) => {
    const { chain, tensors } = { ...small, chain: 'adam(1e-2)' }
    await app.send('PUT', '/v1/sessions/a', { chain, tensors })
    const { metadata, tensors: found } = readSafetensors((await read(app, 'a')).raw)
    for (const x of [Infinity, Number.NaN, -1, 1e300]) {
      const scalars = [...found.values()].map((tensor) =>
        tensor.shape.length === 0 && tensor.dtype === 'F64'
          ? { ...tensor, bytes: new Uint8Array(Float64Array.of(x).buffer) }
          : tensor,
      )
      const file = Buffer.concat(writeSafetensors(scalars, Object.fromEntries(metadata)))
      ok(await put(app, 'a', file))
      ok(await app.send('POST', '/v1/sessions/a/steps', { step: 1, grads: grads(small, 1) }))
    }
  }))

test('state moves between engines, rounded to what they keep', async () => {
  const exact = await TestApp.start({ engine: 'reference' })
  const fast = await TestApp.start({ engine: 'wasm', threads: 1 })
  try {
    await open(exact, 'a', small)
    for (let step = 1; step <= 3; step++) await take(exact, 'a', small, step)
    ok(await put(fast, 'a', (await read(exact, 'a')).raw), 201)
    ok(await put(exact, 'b', (await read(fast, 'a')).raw), 201)
    const results = []
    for (const [app, id] of [
      [exact, 'a'],
      [fast, 'a'],
      [exact, 'b'],
    ] as const)
      results.push(floats(ok(await take(app, id, small, 4)).body.params))
    const [expected = [], ...others] = results
    const norm = (values: readonly number[]) => Math.hypot(...values)
    for (const found of others) {
      assert.ok(norm(found.map((p, i) => p - (expected[i] ?? 0))) < 1e-6 * norm(expected))
    }
  } finally {
    await exact.close()
    await fast.close()
  }
})

test('a fork goes its own way from the present step, and may be asked for again', () =>
  using(async (app) => {
    await open(app, 'a', small)
    for (let step = 1; step <= 3; step++) await take(app, 'a', small, step)
    await app.send('PATCH', '/v1/sessions/a', { hyperparams: { learning_rate: 0.3 }, ttl_s: 1234 })
    const fork = (from: string, id: string) => app.send('POST', `/v1/sessions/${from}/fork`, { id })
    const made = ok(await fork('a', 'b'), 201)
    assert.deepEqual(
      [made.body.id, made.body.step, made.body.ttl_s, made.body.hyperparams['1.learning_rate']],
      ['b', 3, 1234, 0.3],
    )
    assert.equal(made.headers.etag, '"3"')
    const one = ok(await take(app, 'a', small, 4)).body.params
    // Also later, when the session has gone on: the fork is what it was.
    const again = ok(await fork('a', 'b'))
    assert.deepEqual([again.body.id, again.body.step], ['b', 3])
    assert.ok(ok(await take(app, 'b', small, 4)).body.params.equals(one))
    await app.send('PATCH', '/v1/sessions/b', { hyperparams: { learning_rate: 0.1 } })
    assert.ok(
      !ok(await take(app, 'b', small, 5)).body.params.equals(ok(await take(app, 'a', small, 5)).body.params),
    )
    ok(await fork('b', 'c'), 201)
    await app.send('DELETE', '/v1/sessions/a')
    ok(await take(app, 'c', small, 6))
    assert.equal((await fork('a', 'd')).body.code, 'session_not_found')
    await open(app, 'other', small)
    for (const [from, id, code] of [
      ['b', 'other', 'spec_conflict'],
      ['other', 'b', 'spec_conflict'],
      ['b', 'b', 'invalid_request'],
      ['b', '..', 'invalid_request'],
    ] as const)
      assert.equal((await fork(from, id)).body.code, code, `${from} to ${id}`)
    assert.equal((await app.send('GET', '/v1/sessions/other')).body.step, 0)
  }))

test('history tells what happened, with the stats of steps, and where it begins', () =>
  using(async (app) => {
    const vector: Vector = { ...small, chain: 'chain(clip_by_global_norm(0.5), adam(0.1))' }
    await open(app, 'a', vector)
    const step = (n: number, more: object = {}) =>
      app.send('POST', '/v1/sessions/a/steps', { step: n, grads: grads(vector, n), ...more })
    const one = ok(await step(1, { want: { stats: true }, value: 3 })).body.stats
    ok(await step(2, { hyperparams: { learning_rate: 0.2 } }))
    await app.send('PATCH', '/v1/sessions/a', { hyperparams: { '1.b1': 0.8 } })
    const history = async (query = '') => ok(await app.send('GET', `/v1/sessions/a/history${query}`)).body
    const { happened, begins, step: at } = await history()
    assert.deepEqual([begins, at], [1, 2])
    const [first, second, third, fourth] = happened
    assert.deepEqual(first, { seq: 1, step: 0, kind: 'params' })
    assert.deepEqual(second, { seq: 2, step: 1, kind: 'step', value: 3, stats: one })
    assert.ok(one.grad_norm > 0 && one['1.scale_by_learning_rate.learning_rate'] === 0.1)
    assert.deepEqual(third.hyperparams, { '1.learning_rate': 0.2 })
    assert.deepEqual(Object.keys(third.stats).sort(), [
      '0.clip_by_global_norm.clip_factor',
      '1.scale_by_learning_rate.learning_rate',
    ])
    assert.deepEqual(fourth, { seq: 4, step: 2, kind: 'hyperparams', hyperparams: { '1.b1': 0.8 } })
    assert.deepEqual((await history('?since=3')).happened, [fourth])
    assert.deepEqual((await history('?since=4')).happened, [])
    const file = (await read(app, 'a')).raw
    await step(3)
    ok(await put(app, 'a', file))
    await step(3)
    const after = await history()
    assert.equal(after.begins, 6)
    assert.deepEqual(after.happened[0], { seq: 6, step: 2, kind: 'state' })
    assert.deepEqual([after.happened[1].seq, after.happened[1].step], [7, 3])
    assert.equal((await app.send('GET', '/v1/sessions/a/history?since=x')).status, 422)
    assert.equal((await app.send('GET', '/v1/sessions/none/history')).status, 404)
  }))

test('history is bounded, and says so', () =>
  using(async (app) => {
    await app.send('PUT', '/v1/sessions/a', { chain: 'sgd(0.1)', tensors: [{ name: 'w', shape: [] }] })
    for (let step = 1; step <= 600; step++)
      ok(await app.send('POST', '/v1/sessions/a/steps', { step, grads: f32(step) }))
    const { body } = await app.send('GET', '/v1/sessions/a/history')
    assert.equal(body.happened.length, 256)
    assert.equal(body.begins, 345)
    assert.deepEqual([body.happened[0].step, body.happened.at(-1).step], [345, 600])
  }))
