import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { Packr } from 'msgpackr'
import { beginningOf } from '../../server/http/plain.ts'
import { inFolder, TestApp } from '../app.ts'
import { ask, type RedisServer, startRedis } from '../redis.ts'

// Large bodies are read into memory of the engine. Whatever becomes of them, replies are those of a server that has none.

const n = 500_000
const packr = new Packr({ useRecords: false })
const tensors = [
  { name: 'a', shape: [400, 1000] },
  { name: 'b', shape: [100_000] },
]
const gradient = (k: number) =>
  new Uint8Array(Float32Array.from({ length: n }, (_, i) => Math.sin(i + 1000 * k)).buffer)
const forms: readonly ((k: number) => Record<string, unknown>)[] = [
  (k) => ({ grads: gradient(k) }),
  (k) => ({ step: k, grads: gradient(k), value: 0.5 }),
  (k) => ({
    grads: { b: gradient(k).subarray(4 * 400_000), a: gradient(k).subarray(0, 4 * 400_000) },
    step: k,
  }),
  (k) => ({
    step: k,
    dtype: 'BF16',
    grads: gradient(k).subarray(0, 2 * n),
    want: { dtype: 'F32', stats: true },
  }),
  (k) => ({ hyperparams: { learning_rate: 0.01 / k }, grads: gradient(k) }),
]
const chains = [
  'adam(0.01)',
  'chain(clip_by_global_norm(1.0), centralize(), adamw(0.01))',
  'muon(0.01)',
] as const

/** A server that is spoken to over a socket: what is injected has no length before it is read. */
class Client {
  readonly app: TestApp
  readonly port: number

  private constructor(app: TestApp, port: number) {
    this.app = app
    this.port = port
  }

  static async start(config: Parameters<typeof TestApp.start>[0]): Promise<Client> {
    const app = await TestApp.start(config)
    return new Client(app, Number(new URL(await app.server.listen({ host: '127.0.0.1', port: 0 })).port))
  }

  async open(id: string, chain: string): Promise<void> {
    const params = chain.includes('adamw') || chain.includes('muon') ? { params: new Uint8Array(4 * n) } : {}
    assert.equal(
      (await this.app.send('PUT', `/v1/sessions/${id}`, { chain, tensors, ...params })).status,
      201,
    )
  }

  async step(id: string, body: object, status = 200) {
    const answer = await fetch(`http://127.0.0.1:${this.port}/v1/sessions/${id}/steps`, {
      method: 'POST',
      body: new Uint8Array(packr.pack(body)),
      headers: { 'content-type': 'application/msgpack' },
    })
    const raw = Buffer.from(await answer.arrayBuffer())
    assert.equal(answer.status, status, raw.toString('latin1', 0, 200))
    return status === 200 ? packr.unpack(raw) : JSON.parse(raw.toString())
  }
}

/** The answers to bodies that are compressed: nobody knows their length before, and they come into memory of their own. */
async function expected(chain: string, steps: number): Promise<readonly unknown[]> {
  const app = await TestApp.start({ engine: 'wasm' })
  const params = chain.includes('adamw') || chain.includes('muon') ? { params: new Uint8Array(4 * n) } : {}
  await app.send('PUT', '/v1/sessions/s', { chain, tensors, ...params })
  const found: unknown[] = []
  for (let k = 1; k <= steps; k++)
    found.push(
      (
        await app.raw({
          method: 'POST',
          url: '/v1/sessions/s/steps',
          headers: { 'content-type': 'application/msgpack', 'content-encoding': 'gzip' },
          payload: gzipSync(packr.pack(forms[k % forms.length]?.(k)), { level: 1 }),
        })
      ).body.updates,
    )
  await app.close()
  return found
}

const stores: Record<string, () => Promise<{ store: string; stop: () => Promise<unknown> }>> = {
  memory: async () => ({ store: 'memory:', stop: async () => {} }),
  redis: async () => {
    const { url, stop } = await startRedis()
    return { store: url, stop }
  },
}

for (const [name, open] of Object.entries(stores))
  for (const chain of chains)
    test(`${chain} on ${name}: steps, retries and conflicts are those of bodies elsewhere`, async () => {
      // Each form, and until the journal is replaced by a snapshot; of what takes long each form once.
      const steps = chain.startsWith('muon') ? forms.length : 11
      const right = await expected(chain, steps)
      const { store, stop } = await open()
      // Of two sessions one only has its state in memory at a time: each is put out while the other steps.
      const client = await Client.start({ engine: 'wasm', store, memoryLimit: 1 })
      try {
        for (const id of ['one', 'two']) await client.open(id, chain)
        for (let k = 1; k <= steps; k++) {
          const body = { ...forms[k % forms.length]?.(k), step: k }
          const sent = await Promise.all(['one', 'two'].map((id) => client.step(id, body)))
          for (const { updates, replayed } of sent) {
            assert.deepEqual(updates, right[k - 1], `step ${k}`)
            assert.equal(replayed, false)
          }
          const again = await client.step('one', body)
          assert.equal(again.replayed, true)
          assert.deepEqual(again.updates, right[k - 1], `the retry of step ${k}`)
          assert.equal(
            (await client.step('two', { ...body, ...forms[k % 5]?.(k + 1), step: k }, 409)).code,
            'step_conflict',
          )
        }
      } finally {
        await client.app.close()
        await stop()
      }
    })

for (const where of ['lmdb', 'redis'] as const)
  test(`bodies that do not come to their end, or are refused, leave the session, its memory and ${where} as they were`, () =>
    inFolder(async (folder) => {
      const right = await expected('adam(0.01)', 2)
      const redis = where === 'redis' ? await startRedis() : undefined
      const client = await Client.start({ engine: 'wasm', store: redis?.url ?? `lmdb:${folder}` })
      await client.open('s', 'adam(0.01)')
      const whole = packr.pack({ step: 1, grads: gradient(9) })
      for (const bytes of [1, 70_000, whole.length - 1]) {
        const socket = connect(client.port, '127.0.0.1')
        await once(socket, 'connect')
        const head = `POST /v1/sessions/s/steps HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/msgpack\r\nContent-Length: ${whole.length}\r\n\r\n`
        await new Promise((resolve) =>
          socket.write(Buffer.concat([Buffer.from(head), whole.subarray(0, bytes)]), resolve),
        )
        socket.destroy()
      }
      assert.equal(
        (await client.step('s', { step: 1, grads: gradient(1).subarray(4) }, 422)).code,
        'schema_mismatch',
      )
      assert.equal(
        (await client.step('s', { step: 1, grads: gradient(1), nothing: 1 }, 422)).code,
        'invalid_request',
      )
      for (const k of [1, 2])
        assert.deepEqual((await client.step('s', forms[k]?.(k) ?? {})).updates, right[k - 1])
      if (redis !== undefined) await nothingStaged(redis)
      await client.app.close()
      await redis?.stop()
    }))

/** What was sent ahead of entries is gone: each soon after its request is. */
async function nothingStaged(redis: RedisServer): Promise<void> {
  const left = async () => (await ask(redis, 'KEYS', '*}:s:*')) as string[]
  for (let waited = 0; (await left()).length > 0; waited += 20) {
    assert.ok(waited < 5000, `${await left()} are there`)
    await sleep(20)
  }
}

test('the first bytes of a body tell which step it is for, where nothing after them can', () => {
  const grads = gradient(1)
  const of = (body: object) => beginningOf(packr.pack(body).subarray(0, 1000)).step
  assert.equal(of({ grads }), 'next')
  assert.equal(of({ step: 70_000, grads }), 70_000)
  assert.equal(of({ dtype: 'F32', grads }), 'next')
  assert.equal(of({ grads, step: 3 }), undefined)
  assert.equal(of({ step: 'x', grads }), 'next')
  for (const other of [
    packr.pack({ name: 'x'.repeat(100_000) }),
    packr.pack([grads]),
    Buffer.from([0x81, 0xc1]),
  ])
    assert.equal(beginningOf(other.subarray(0, 1000)).step, undefined)
})
