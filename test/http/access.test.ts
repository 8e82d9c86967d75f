import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { addKey, Keys } from '../../server/http/keys.ts'
import { type Answer, f32, floats, inFolder, TestApp } from '../app.ts'
import { ServerProcess } from '../process.ts'

const open = { chain: 'sgd(1.0)', tensors: [{ name: 'w', shape: [2] }] }
const grads = f32(1, 2)

function check({ status, headers, body }: Answer, expected: number, code: string): void {
  assert.equal(status, expected, JSON.stringify(body))
  assert.equal(body.code, code)
  assert.match(String(headers['content-type']), /^application\/problem\+json/)
}

/** A server with keys of some tenants. */
async function withKeys<T extends string>(
  tenants: Readonly<Record<T, object>>,
  work: (app: TestApp, bearer: Readonly<Record<T, Record<string, string>>>, file: string) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    const file = join(folder, 'keys.json')
    await writeFile(file, '{"tenants": {}}')
    const names = Object.keys(tenants) as T[]
    const bearer = {} as Record<T, Record<string, string>>
    for (const name of names) bearer[name] = { authorization: `Bearer ${await addKey(file, name)}` }
    const content = JSON.parse(await readFile(file, 'utf8'))
    for (const name of names) Object.assign(content.tenants[name], tenants[name])
    await writeFile(file, JSON.stringify(content))
    const app = await TestApp.start({ keysFile: file })
    try {
      await work(app, bearer, file)
    } finally {
      await app.close()
    }
  })
}

test('with keys nobody comes in without one, and a wrong one says no more', () =>
  withKeys({ a: {} }, async (app, bearer) => {
    const none = await app.send('GET', '/v1/sessions')
    check(none, 401, 'unauthenticated')
    assert.equal(none.headers['www-authenticate'], 'Bearer')
    for (const authorization of ['Bearer stepd_wrong', 'Basic YTpi', 'Bearer', `Bearer ${'x'.repeat(9999)}`])
      check(await app.send('GET', '/v1/sessions', undefined, { authorization }), 401, 'unauthenticated')
    assert.equal((await app.send('GET', '/v1/sessions', undefined, bearer.a)).status, 200)
    // For whoever watches over the process.
    assert.equal((await app.send('GET', '/healthz')).status, 200)
  }))

test('tenants have sessions and chains of their own, under the same names', () =>
  withKeys({ a: {}, b: {} }, async (app, { a, b }) => {
    assert.equal((await app.send('PUT', '/v1/sessions/s', open, a)).status, 201)
    check(await app.send('GET', '/v1/sessions/s', undefined, b), 404, 'session_not_found')
    check(await app.send('POST', '/v1/sessions/s/steps', { step: 1, grads }, b), 404, 'session_not_found')
    assert.equal((await app.send('PUT', '/v1/sessions/s', { ...open, chain: 'sgd(2.0)' }, b)).status, 201)
    const [ofA, ofB] = await Promise.all(
      [a, b].map((headers) => app.send('POST', '/v1/sessions/s/steps', { step: 1, grads }, headers)),
    )
    assert.deepEqual(floats(ofA?.body.updates), [-1, -2])
    assert.deepEqual(floats(ofB?.body.updates), [-2, -4])
    await app.send('PUT', '/v1/chains/mine', { chain: 'sgd(1.0)' }, a)
    check(await app.send('GET', '/v1/chains/mine', undefined, b), 404, 'chain_not_found')
    assert.deepEqual((await app.send('GET', '/v1/chains', undefined, b)).body.chains, [])
    // Nothing leads out of one's own names.
    for (const prefix of ['../a', '/', '*', '%2e%2e%2fa'])
      assert.deepEqual(
        (await app.send('GET', `/v1/sessions?prefix=${prefix}`, undefined, b)).body.sessions,
        [],
      )
    assert.equal((await app.send('DELETE', '/v1/sessions/s', undefined, b)).status, 204)
    assert.equal((await app.send('GET', '/v1/sessions/s', undefined, a)).body.step, 1)
  }))

test('what is about the whole server is for operators', () =>
  withKeys({ a: {}, ops: { operator: true } }, async (app, { a, ops }) => {
    check(await app.send('GET', '/metrics'), 401, 'unauthenticated')
    check(await app.send('GET', '/metrics', undefined, a), 403, 'forbidden')
    assert.equal((await app.raw({ method: 'GET', url: '/metrics', headers: ops })).status, 200)
  }))

test('keys are read again: new ones come in, old ones stay out, limits are the new ones', () =>
  withKeys({ a: {} }, async (app, { a }, file) => {
    const second = { authorization: `Bearer ${await addKey(file, 'b')}` }
    check(await app.send('GET', '/v1/sessions', undefined, second), 401, 'unauthenticated')
    await app.server.reload()
    assert.equal((await app.send('GET', '/v1/sessions', undefined, second)).status, 200)
    const content = JSON.parse(await readFile(file, 'utf8'))
    delete content.tenants.a
    await writeFile(file, JSON.stringify(content))
    await app.server.reload()
    check(await app.send('GET', '/v1/sessions', undefined, a), 401, 'unauthenticated')
    await writeFile(file, '{"tenants": {"b": {"keys": ["short"]}}}')
    await assert.rejects(app.server.reload(), /tenants.b.keys.0/)
    assert.equal((await app.send('GET', '/v1/sessions', undefined, second)).status, 200)
  }))

test('a quota of sessions: one more is refused, and one that is there is attached to', () =>
  withKeys({ a: { sessions: 3 }, b: {} }, async (app, { a, b }) => {
    const put = (id: string) => app.send('PUT', `/v1/sessions/${id}`, open, a)
    const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => put(`s${i}`)))
    const made = answers.flatMap(({ status }, i) => (status === 201 ? [`s${i}`] : []))
    assert.equal(made.length, 3)
    for (const answer of answers) if (answer.status !== 201) check(answer, 403, 'quota_exceeded')
    assert.equal((await put(made[0] ?? '')).status, 200)
    assert.equal((await app.send('PUT', '/v1/sessions/s', open, b)).status, 201)
    await app.send('DELETE', `/v1/sessions/${made[0]}`, undefined, a)
    assert.equal((await put('instead')).status, 201)
    check(await put('beyond'), 403, 'quota_exceeded')
  }))

test('a quota of bytes of state, also of sessions that another process opened', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'keys.json')
    const headers = { authorization: `Bearer ${await addKey(file, 'a')}` }
    const content = JSON.parse(await readFile(file, 'utf8'))
    // adam keeps two numbers an element, and a count.
    content.tenants.a.state_bytes = 2500
    await writeFile(file, JSON.stringify(content))
    const large = { chain: 'adam(1e-3)', tensors: [{ name: 'w', shape: [128] }] }
    const config = { keysFile: file, store: `lmdb:${join(folder, 'data')}` }
    const first = await TestApp.start(config)
    assert.equal((await first.send('PUT', '/v1/sessions/a', large, headers)).status, 201)
    await first.close()
    const second = await TestApp.start(config)
    assert.equal((await second.send('PUT', '/v1/sessions/b', large, headers)).status, 201)
    check(await second.send('PUT', '/v1/sessions/c', large, headers), 403, 'quota_exceeded')
    assert.equal((await second.send('PUT', '/v1/sessions/c', open, headers)).status, 201)
    await second.close()
  }))

test('a rate of requests: what is more is told when to come again, and others are not in its way', () =>
  withKeys({ a: { requests_per_s: 5 }, b: {} }, async (app, { a, b }) => {
    const ask = (headers: Record<string, string>) => app.send('GET', '/v1/sessions', undefined, headers)
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(a)))
    const refused = answers.filter(({ status }) => status !== 200)
    assert.ok(refused.length >= 10, `${refused.length} refused`)
    for (const answer of refused) {
      check(answer, 429, 'rate_limited')
      assert.equal(answer.headers['retry-after'], '1')
    }
    assert.equal((await ask(b)).status, 200)
    await sleep(1100)
    assert.equal((await ask(a)).status, 200)
  }))

test('a rate of bytes: what was moved is paid for before more is', () =>
  withKeys({ a: { bytes_per_s: 20_000 } }, async (app, { a }) => {
    const large = { chain: 'sgd(1.0)', tensors: [{ name: 'w', shape: [9000] }] }
    await app.send('PUT', '/v1/sessions/s', large, a)
    const step = await app.send('POST', '/v1/sessions/s/steps', { grads: new Uint8Array(36_000) }, a)
    assert.equal(step.status, 200)
    // 72 000 bytes are more than three seconds' worth.
    const refused = await app.send('GET', '/v1/sessions', undefined, a)
    check(refused, 429, 'rate_limited')
    assert.equal(refused.headers['retry-after'], '3')
  }))

test('without keys: an address that others reach is refused, unless that is wanted', async () => {
  await assert.rejects(TestApp.start({ host: '0.0.0.0' }), /STEPD_KEYS_FILE.*STEPD_ALLOW_KEYLESS/s)
  const app = await TestApp.start({ host: '0.0.0.0', allowKeyless: 'yes' })
  const headers = { host: 'anything.example' }
  assert.equal((await app.raw({ method: 'GET', url: '/v1/sessions', headers })).status, 200)
  await app.close()
})

test('without keys: a name that was made to lead here is no name of this server', async () => {
  const app = await TestApp.start()
  for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '10.0.0.1:8080'])
    check(await app.raw({ method: 'GET', url: '/v1/sessions', headers: { host } }), 403, 'forbidden')
  for (const host of ['localhost', 'LOCALHOST:8080', '127.0.0.1:1', '127.1.2.3', '[::1]:8080'])
    assert.equal((await app.raw({ method: 'GET', url: '/v1/sessions', headers: { host } })).status, 200)
  await app.close()
})

test('the file has hashes only, and is for its owner', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'keys.json')
    const [first, second] = [await addKey(file, 'a'), await addKey(file, 'a')]
    assert.notEqual(first, second)
    const text = await readFile(file, 'utf8')
    assert.ok(!text.includes(first) && !text.includes(first.slice(6)))
    const keys = await Keys.read(file)
    assert.deepEqual(
      [first, second, `${first}x`].map((key) => keys.tenantOf(key)),
      ['a', 'a', undefined],
    )
    await assert.rejects(addKey(file, 'a/b'), /cannot be called a\/b/)
    await assert.rejects(addKey(file, '__proto__'), /cannot be called/)
  }))

test('a server of its own reads its keys again on SIGHUP', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'keys.json')
    await addKey(file, 'a')
    const server = await ServerProcess.start({ STEPD_STORE: 'memory:', STEPD_KEYS_FILE: file })
    try {
      const authorization = `Bearer ${await addKey(file, 'b')}`
      const ask = async () =>
        (await fetch(`${server.url}/v1/sessions`, { headers: { authorization } })).status
      assert.equal(await ask(), 401)
      server.signal('SIGHUP')
      for (let i = 0; i < 100 && (await ask()) !== 200; i++) await sleep(50)
      assert.equal(await ask(), 200)
    } finally {
      assert.equal(await server.stop(), 0)
    }
  }))
