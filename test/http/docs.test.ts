import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { type Answer, f32, TestApp } from '../app.ts'

interface Described {
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> }
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
  >
}
type Method = 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE'

let app: TestApp
let paths: Readonly<Record<string, Readonly<Record<string, Described>>>>
const ajv = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false, allErrors: true })
ajv.addKeyword('example')
const seen = new Set<string>()

before(async () => {
  app = await TestApp.start()
  const { status, body } = await app.raw({ method: 'GET', url: '/docs/json' })
  assert.equal(status, 200)
  assert.equal(body.openapi, '3.1.0')
  paths = body.paths
})
after(() => app.close())

/** As the description has it: bytes are strings. */
function written(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (Array.isArray(value)) return value.map(written)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, written(inner)]))
}

const validators = new Map<object, ValidateFunction>()
function validate(schema: object, value: unknown, what: string): void {
  const known = validators.get(schema) ?? ajv.compile(schema)
  validators.set(schema, known)
  assert.ok(known(written(value)), `${what}: ${ajv.errorsText(known.errors)}`)
  const { properties } = schema as { properties?: object }
  if (properties === undefined || typeof value !== 'object' || value === null) return
  const extra = Object.keys(value).filter((key) => !(key in properties))
  if (!what.includes('application/problem+json'))
    assert.deepEqual(extra, [], `${what} has more than is described`)
}

/** Ask, and hold request and answer against the description of the operation. */
async function ask(
  method: Method,
  path: string,
  url: string,
  { body, headers, payload }: { body?: object; headers?: Record<string, string>; payload?: Buffer } = {},
): Promise<Answer> {
  const operation = paths[path]?.[method.toLowerCase()]
  assert.ok(operation !== undefined, `${method} ${path} is not described`)
  const answer =
    payload === undefined
      ? await app.send(method, url, body, headers)
      : await app.raw({ method, url, payload, headers: { 'content-type': 'application/octet-stream' } })
  const type = String(answer.headers['content-type'] ?? '').split(';')[0] ?? ''
  const what = `${method} ${path} ${answer.status} ${type}`
  const described = operation.responses[answer.status] ?? operation.responses.default
  assert.ok(
    answer.status < 400 ? String(answer.status) in operation.responses : true,
    `${what} is not described`,
  )
  if (answer.raw.length === 0) assert.equal(described?.content, undefined, what)
  else {
    const content = described?.content?.[type]
    assert.ok(content !== undefined, `${what} is of another type than described`)
    const text = type === 'application/octet-stream' || type.startsWith('text/')
    validate(content.schema, text ? answer.raw.toString('latin1') : answer.body, what)
  }
  if (body !== undefined && answer.status < 400)
    validate(operation.requestBody?.content['application/msgpack']?.schema ?? {}, body, `the body of ${what}`)
  if (answer.status < 400) seen.add(`${method} ${path}`)
  return answer
}

const id = '/v1/sessions/{id}'
const json = { accept: 'application/json' }
const msgpack = { accept: 'application/msgpack' }
const open = {
  chain: 'chain(clip_by_global_norm(1.0), adam(1e-3))',
  tensors: [
    { name: 'w', shape: [2, 2] },
    { name: 'b', shape: [] },
  ],
  params: f32(1, 2, 3, 4, 5),
}

test('sessions are as described, in JSON and in msgpack', async () => {
  for (const headers of [json, msgpack]) {
    await ask('PUT', id, `/v1/sessions/${headers.accept.length}`, { body: open, headers })
    await ask('PUT', id, '/v1/sessions/16', { body: open, headers })
    await ask('GET', id, '/v1/sessions/16?plan=1', { headers })
    await ask('PATCH', id, '/v1/sessions/16', {
      body: { ttl_s: 60, hyperparams: { learning_rate: 0.5 } },
      headers,
    })
    await ask('GET', '/v1/sessions', '/v1/sessions?limit=1', { headers })
  }
})

test('steps are as described, packed and named', async () => {
  const steps = `${id}/steps`
  const of = '/v1/sessions/16/steps'
  const packed = { step: 1, grads: f32(1, 2, 3, 4, 5), value: 0.5, want: { stats: true, of: 'params' } }
  await ask('POST', steps, of, { body: packed })
  await ask('POST', steps, of, { body: packed })
  await ask('POST', steps, of, {
    body: { grads: { w: f32(1, 2, 3, 4), b: f32(5) }, want: { dtype: 'BF16' } },
  })
  await ask('POST', steps, of, { body: { step: 9, grads: f32(1, 2, 3, 4, 5) } })
  const { params, ...fresh } = open
  await ask('POST', '/v1/apply', '/v1/apply', { body: { ...fresh, params, grads: f32(1, 2, 3, 4, 5) } })
})

test('state is as described', async () => {
  const { raw } = await ask('GET', `${id}/state`, '/v1/sessions/16/state')
  await ask('PUT', `${id}/state`, '/v1/sessions/restored/state', { payload: raw })
  await ask('PUT', `${id}/state`, '/v1/sessions/restored/state', { payload: raw })
  await ask('POST', `${id}/fork`, '/v1/sessions/16/fork', { body: { id: 'copy' } })
  await ask('GET', `${id}/params`, '/v1/sessions/16/params')
  await ask('GET', `${id}/history`, '/v1/sessions/16/history', { headers: msgpack })
  await ask('DELETE', id, '/v1/sessions/copy')
})

test('chains are as described', async () => {
  for (const headers of [json, msgpack]) {
    await ask('PUT', '/v1/chains/{name}', '/v1/chains/mine', { body: { chain: 'sgd(0.1)' }, headers })
    await ask('GET', '/v1/chains/{name}', '/v1/chains/mine', { headers })
    await ask('GET', '/v1/chains', '/v1/chains', { headers })
    await ask('GET', '/v1/transformations', '/v1/transformations', { headers })
  }
  await ask('DELETE', '/v1/chains/{name}', '/v1/chains/mine')
})

test('the server itself is as described', async () => {
  for (const path of ['/healthz', '/readyz', '/metrics']) await ask('GET', path, path)
})

test('refusals are as described', async () => {
  await ask('GET', id, '/v1/sessions/none')
  await ask('PUT', id, '/v1/sessions/x', { body: { chain: 'adma(1)', tensors: open.tensors } })
  await ask('POST', `${id}/steps`, '/v1/sessions/16/steps', { body: { grads: f32(1) } })
  await ask('DELETE', '/v1/chains/{name}', '/v1/chains/none')
})

test('every operation was held against its description', () => {
  const all = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  assert.deepEqual(
    all.filter((operation) => !seen.has(operation)),
    [],
  )
})

test('the page comes with headers that keep it to itself', async () => {
  const { statusCode, headers } = await app.server.inject({ method: 'GET', url: '/docs' })
  assert.equal(statusCode, 200)
  assert.match(String(headers['content-security-policy']), /default-src 'self'.*frame-ancestors 'none'/)
  assert.equal(headers['x-content-type-options'], 'nosniff')
  const api = await app.send('GET', '/v1/sessions')
  assert.equal(api.headers['content-security-policy'], undefined)
})
