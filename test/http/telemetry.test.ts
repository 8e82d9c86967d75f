import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { after, before, test } from 'node:test'
import { buildApp } from '../../server/app.ts'
import { readConfig } from '../../server/config.ts'
import { f32, TestApp } from '../app.ts'

const lines: Record<string, unknown>[] = []
const stream = new Writable({
  write(chunk, _encoding, done) {
    for (const line of String(chunk).trim().split('\n')) lines.push(JSON.parse(line))
    done()
  },
})
let app: TestApp
before(async () => {
  app = TestApp.of(await buildApp({ ...readConfig({}), store: 'memory:' }, { level: 'debug', stream }))
})
after(() => app.close())

/** Samples by name and labels, as Prometheus reads them. */
async function scrape(): Promise<ReadonlyMap<string, number>> {
  const { headers, raw } = await app.raw({ method: 'GET', url: '/metrics' })
  assert.match(String(headers['content-type']), /^text\/plain; version=0\.0\.4/)
  const samples = raw
    .toString()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    samples.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  )
}

test('metrics: what was asked, what it took, what is kept', async () => {
  const open = { chain: 'adam(1e-3)', tensors: [{ name: 'w', shape: [1000] }] }
  await app.send('PUT', '/v1/sessions/a', open)
  for (let step = 1; step <= 3; step++)
    await app.send('POST', '/v1/sessions/a/steps', { step, grads: new Uint8Array(4000) })
  await app.send('POST', '/v1/sessions/a/steps', { step: 9, grads: new Uint8Array(4000) })
  await app.send('GET', '/nowhere')
  const samples = await scrape()
  const steps = 'method="POST",route="/v1/sessions/:id/steps"'
  assert.equal(samples.get(`stepd_request_duration_seconds_count{${steps},code="200"}`), 3)
  assert.equal(samples.get(`stepd_request_duration_seconds_count{${steps},code="409"}`), 1)
  assert.equal(samples.get('stepd_problems_total{code="step_gap"}'), 1)
  assert.equal(samples.get('stepd_problems_total{code="route_not_found"}'), 1)
  assert.ok((samples.get('stepd_request_body_bytes_total{route="/v1/sessions/:id/steps"}') ?? 0) > 16_000)
  assert.ok((samples.get('stepd_response_body_bytes_total{route="/v1/sessions/:id/steps"}') ?? 0) > 12_000)
  for (const stage of ['read', 'queue', 'decode', 'commit', 'compute', 'encode'])
    assert.equal(
      samples.get(`stepd_step_stage_duration_seconds_count{stage="${stage}"}`) ?? 0,
      stage === 'read' || stage === 'queue' || stage === 'decode' || stage === 'commit' ? 4 : 3,
      stage,
    )
  assert.equal(samples.get('stepd_sessions_live'), 1)
  assert.equal(samples.get('stepd_sessions_stored'), 1)
  assert.equal(samples.get('stepd_journal_entries'), 3)
  assert.ok((samples.get('stepd_journal_bytes') ?? 0) >= 12_000)
  assert.ok((samples.get('stepd_state_live_bytes') ?? 0) >= 8000)
  assert.ok((samples.get('stepd_engine_memory_bytes') ?? 0) >= 65_536)
  assert.ok(samples.has('nodejs_eventloop_lag_p99_seconds'))
  assert.equal(samples.get('stepd_held_bytes'), 0)
})

test('request ids: one that can stand in a log is kept, any other is replaced', async () => {
  const ask = async (headers: Record<string, string>) =>
    String((await app.raw({ method: 'GET', url: '/healthz', headers })).headers['x-request-id'])
  assert.equal(await ask({ 'x-request-id': 'job-17:step.4' }), 'job-17:step.4')
  for (const bad of ['a b', '<script>', 'x'.repeat(200), '']) {
    const id = await ask({ 'x-request-id': bad })
    assert.match(id, /^[\w-]{12}-[0-9a-z]+$/)
  }
  assert.notEqual(await ask({}), await ask({}))
})

test('a line a request, with its id and trace, and nothing of bodies or keys', async () => {
  lines.length = 0
  const headers = {
    'x-request-id': 'mine',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    authorization: 'Bearer stepd_secret',
  }
  await app.send(
    'PUT',
    '/v1/sessions/b',
    { chain: 'sgd(0.125)', tensors: [{ name: 'w', shape: [2] }] },
    headers,
  )
  await app.send('POST', '/v1/sessions/b/steps', { grads: f32(1, 2) }, headers)
  await app.send('POST', '/v1/sessions/b/steps', { grads: f32(1) }, headers)
  assert.equal(lines.length, 3)
  const levels = { info: 30, debug: 20 }
  assert.deepEqual(
    lines.map(({ level }) => level),
    [levels.info, levels.debug, levels.info],
  )
  for (const [i, status] of [201, 200, 422].entries()) {
    const { reqId, trace_id, parent_id, tenant, ms, ...line } = lines[i] ?? {}
    assert.deepEqual([reqId, tenant, line.status], ['mine', 'public', status])
    assert.equal(trace_id, '0af7651916cd43dd8448eb211c80319c')
    assert.equal(parent_id, 'b7ad6b7169203331')
    assert.ok(Number(ms) > 0)
  }
  assert.doesNotMatch(JSON.stringify(lines), /secret|0\.125|authorization/i)
  lines.length = 0
  await app.send('GET', '/healthz', undefined, { traceparent: `00-${'0'.repeat(32)}-b7ad6b7169203331-01` })
  assert.equal(lines[0]?.trace_id, undefined)
})
