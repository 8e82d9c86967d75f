import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { TestApp } from '../app.ts'
import { exchange, ServerProcess } from '../process.ts'
import { startProxy } from '../proxy.ts'
import { type RedisServer, startRedis } from '../redis.ts'
import { type Nginx, startNginx } from './nginx.ts'

// The proxy's own configuration, in front of real servers on one Redis.

const spec = { chain: 'adam(1e-3)', tensors: [{ name: 'w', shape: [8] }] }
const gradient = (step: number) => new Uint8Array(Float32Array.from({ length: 8 }, (_, i) => i - step).buffer)
const portOf = ({ url }: { readonly url: string }) => Number(new URL(url).port)

let redis: RedisServer
let servers: readonly ServerProcess[]
before(async () => {
  redis = await startRedis()
  servers = await Promise.all([start(), start()])
})
after(async () => {
  await Promise.all(started.map((server) => server.stop()))
  await redis.stop()
})
const started: ServerProcess[] = []
const start = async (env: Record<string, string> = {}) => {
  const server = await ServerProcess.start({ STEPD_STORE: redis.url, ...env })
  started.push(server)
  return server
}

/** As clients do: again where there was no answer, or one that says so. */
async function insist(url: string, method: string, body?: object) {
  for (let tries = 0; ; tries++) {
    const answer = await exchange(url, method, body).catch(() => undefined)
    if (answer !== undefined && answer.status !== 503) return answer
    assert.ok(tries < 50, `${method} ${url} has no answer`)
    await sleep(100)
  }
}

test('what is for a session goes to the same server, and sessions to all', async () => {
  const nginx = await startNginx(servers.map(portOf))
  try {
    for (let i = 0; i < 24; i++) {
      const session = `${nginx.url}/v1/sessions/one~${i}`
      assert.equal((await exchange(session, 'PUT', spec)).status, 201)
      for (const step of [1, 2])
        assert.equal(
          (await exchange(`${session}/steps`, 'POST', { step, grads: gradient(step) })).status,
          200,
        )
      // The same id, spelt otherwise.
      assert.equal((await exchange(session.replace('~', '%7E'), 'DELETE')).status, 204)
    }
    const log = await nginx.log('one~', 24 * 4)
    assert.equal(log.length, 24 * 4)
    const homes = new Set(log.map(({ session, server }) => `${session} at ${server}`))
    assert.equal(homes.size, 24)
    assert.equal(new Set(log.map(({ server }) => server)).size, 2)
  } finally {
    await nginx.stop()
  }
})

test('a server that is killed: its sessions go on at the other, step by step as if nothing had been', async () => {
  const app = await TestApp.start()
  const [one, two] = [await start(), await start()]
  const nginx = await startNginx([one, two].map(portOf))
  try {
    await app.send('PUT', '/v1/sessions/s', spec)
    const ids = Array.from({ length: 8 }, (_, i) => `s${i}`)
    for (const id of ids) await insist(`${nginx.url}/v1/sessions/${id}`, 'PUT', spec)
    let killed: Promise<unknown> | undefined
    for (let step = 1; step <= 12; step++) {
      const body = { step, grads: gradient(step) }
      const { body: expected } = await app.send('POST', '/v1/sessions/s/steps', body)
      // While steps are under way.
      const taken = ids.map((id) => insist(`${nginx.url}/v1/sessions/${id}/steps`, 'POST', body))
      if (step === 6) killed = one.stop('SIGKILL')
      for (const answer of await Promise.all(taken)) {
        assert.equal(answer.status, 200)
        assert.deepEqual(
          Buffer.from(answer.body.updates as Uint8Array),
          Buffer.from(expected.updates as Uint8Array),
        )
      }
    }
    await killed
    const log = await nginx.log('s', ids.length * 13)
    const at = (server: ServerProcess) => log.filter((line) => line.server.endsWith(`:${portOf(server)}`))
    assert.ok(at(one).length > 0, 'the server that was killed had sessions')
    assert.deepEqual(new Set(at(two).map(({ session }) => session)), new Set(ids))

    await two.stop('SIGKILL')
    const answer = await fetch(`${nginx.url}/v1/sessions/s0`)
    assert.equal(answer.status, 503)
    assert.equal(answer.headers.get('retry-after'), '1')
    assert.equal(answer.headers.get('content-type'), 'application/problem+json')
    assert.equal(((await answer.json()) as { code: string }).code, 'overloaded')
  } finally {
    await nginx.stop()
    await app.close()
  }
})

test('an answer that is lost: the proxy sends no step again, and a client may', async () => {
  const [near, far] = servers as [ServerProcess, ServerProcess]
  for (const [id, body] of Object.entries({
    unnumbered: { grads: gradient(1) },
    numbered: { step: 1, grads: gradient(1) },
  })) {
    // To one of the two there is a line that breaks when the updates come back.
    const line = await startProxy(() => portOf(near))
    const nginx = await startNginx([line.port, portOf(far)])
    try {
      const session = await sessionAt(nginx, line.port, id)
      const cut = line.cutAt('updates')
      const lost = await exchange(`${session}/steps`, 'POST', body)
      await cut
      assert.deepEqual([lost.status, lost.body.code], [503, 'overloaded'])
      assert.equal((await insist(session, 'GET')).body.step, 1)
      const again = await insist(`${session}/steps`, 'POST', body)
      // Whoever leaves the number out takes another step: so it must not come from the proxy.
      const expected = id === 'numbered' ? [1, true] : [2, false]
      assert.deepEqual([again.body.step, again.body.replayed], expected)
    } finally {
      await nginx.stop()
      await line.stop()
    }
  }
})

/** Open a session that the proxy sends to this port. */
async function sessionAt(nginx: Nginx, port: number, name: string): Promise<string> {
  for (let i = 0; i < 100; i++) {
    const session = `${nginx.url}/v1/sessions/${name}${i}`
    await exchange(session, 'PUT', spec)
    const [opened] = await nginx.log(`${name}${i}`, 1)
    if (opened?.server.endsWith(`:${port}`)) return session
  }
  throw new Error(`Of 100 sessions none is sent to port ${port}`)
}

test('100 MB go through as they come, both ways: neither to disk nor into memory', async () => {
  const nginx = await startNginx(servers.map(portOf))
  try {
    const session = `${nginx.url}/v1/sessions/large`
    const n = 25_000_000
    await exchange(session, 'PUT', { chain: 'scale(-0.5)', tensors: [{ name: 'w', shape: [n] }] })
    const gradients = new Float32Array(n).fill(2)
    gradients[n - 1] = 3
    const answer = await exchange(`${session}/steps`, 'POST', {
      step: 1,
      grads: new Uint8Array(gradients.buffer),
    })
    assert.equal(answer.status, 200)
    const bytes = answer.body.updates as Uint8Array
    assert.equal(bytes.length, 4 * n)
    const updates = new DataView(bytes.buffer, bytes.byteOffset)
    assert.deepEqual([updates.getFloat32(0, true), updates.getFloat32(4 * (n - 1), true)], [-1, -1.5])
    assert.deepEqual(await nginx.files(), [])
    const memory = await nginx.memory()
    assert.ok(memory < 2 ** 25, `a worker of nginx had ${memory} bytes`)
    await exchange(session, 'DELETE')
  } finally {
    await nginx.stop()
  }
})

test('what a server refuses reaches the client in its own words; metrics are not for everyone', async () => {
  const small = await start({ STEPD_STORE: 'memory:', STEPD_BODY_LIMIT: '1 MiB' })
  const nginx = await startNginx([portOf(small)])
  try {
    const answer = await exchange(`${nginx.url}/v1/sessions/s/steps`, 'POST', {
      grads: new Uint8Array(2 ** 22),
    })
    assert.deepEqual([answer.status, answer.body.code], [413, 'body_too_large'])
    assert.equal((await exchange(`${nginx.url}/metrics`, 'GET')).status, 404)
    assert.equal((await exchange(`${nginx.url}/readyz`, 'GET')).status, 200)
  } finally {
    await nginx.stop()
  }
})
