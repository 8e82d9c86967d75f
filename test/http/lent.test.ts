import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { Packr } from 'msgpackr'
import { beginningOf } from '../../server/http/beginning.ts'
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
  (k) => ({
    step: k,
    grads: { a: gradient(k).subarray(0, 4 * 400_000), b: gradient(k).subarray(4 * 400_000) },
  }),
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
            (await client.step('two', { ...forms[k % forms.length]?.(k + 1), step: k }, 409)).code,
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

test('gradients are in Redis before their last byte is sent, and go there once', async () => {
  const redis = await startRedis()
  const client = await Client.start({ engine: 'wasm', store: redis.url })
  const right = await expected('adam(0.01)', 2)
  await client.open('s', 'adam(0.01)')
  const received = async () =>
    Number(/total_net_input_bytes:(\d+)/.exec(String(await ask(redis, 'INFO', 'stats')))?.[1])
  const staged = async () => {
    const [key] = (await ask(redis, 'KEYS', '*}:s:*')) as string[]
    return key === undefined ? 0 : ((await ask(redis, 'HLEN', key)) as number)
  }
  const map = { a: gradient(2).subarray(0, 4 * 400_000), b: gradient(2).subarray(4 * 400_000) }
  for (const [i, grads] of [gradient(1), map].entries()) {
    const body = packr.pack({ step: i + 1, grads })
    const before = await received()
    const socket = connect(client.port, '127.0.0.1')
    socket.write(
      `POST /v1/sessions/s/steps HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/msgpack\r\nContent-Length: ${body.length}\r\n\r\n`,
    )
    socket.write(body.subarray(0, -1))
    // Of 2 MB in chunks of 508 KiB all but the last are whole.
    while ((await staged()) < 3) await sleep(5)
    socket.write(body.subarray(-1))
    const answer = Buffer.concat(await socket.toArray())
    assert.match(answer.toString('latin1', 0, 100), /^HTTP\/1.1 200 /)
    const { updates } = packr.unpack(answer.subarray(answer.indexOf('\r\n\r\n') + 4))
    const packed = (one: unknown) =>
      one instanceof Uint8Array ? one : Buffer.concat(Object.values(one as Record<string, Uint8Array>))
    assert.ok(Buffer.from(packed(updates)).equals(packed(right[i])))
    assert.ok((await received()) - before < 1.1 * body.length)
    assert.equal(await staged(), 0)
  }
  await client.app.close()
  await redis.stop()
})

test('a body comes to where the one before it was, also where that went to Redis while it came', () =>
  inFolder(async (folder) => {
    const redis = await startRedis()
    const taken: number[] = []
    for (const store of [`lmdb:${folder}`, redis.url]) {
      const client = await Client.start({ engine: 'wasm', store })
      await client.open('s', 'adam(0.01)')
      for (let step = 1; step <= 4; step++) await client.step('s', { step, grads: gradient(step) })
      const metrics = await fetch(`http://127.0.0.1:${client.port}/metrics`)
      taken.push(Number(/^stepd_engine_memory_bytes (\d+)$/m.exec(await metrics.text())?.[1]))
      await client.app.close()
    }
    await redis.stop()
    const [onDisk = Number.NaN, onRedis] = taken
    // The moments, and one piece that is gradients, then updates.
    assert.ok(onDisk < 3.5 * 4 * n, `${onDisk} bytes`)
    assert.equal(onRedis, onDisk)
  }))

test('the first bytes of a body tell which step it is for, where nothing after them can', () => {
  const grads = gradient(1)
  const of = (body: object) => beginningOf(packr.pack(body).subarray(0, 1000)).step
  assert.equal(of({ grads }), 'next')
  assert.equal(of({ step: 70_000, grads }), 70_000)
  assert.equal(of({ dtype: 'F32', grads }), 'next')
  assert.equal(of({ grads, step: 3 }), undefined)
  assert.equal(of({ step: 'x', grads }), 'next')
  assert.equal(of({ step: 4, grads: { w: grads } }), 4)
  assert.equal(of({ grads: { a: grads, b: grads } }), 'next')
  assert.equal(of({ grads: { w: grads }, step: 5 }), undefined)
  for (const other of [
    packr.pack({ name: 'x'.repeat(100_000) }),
    packr.pack([grads]),
    Buffer.from([0x81, 0xc1]),
  ])
    assert.deepEqual(beginningOf(other.subarray(0, 1000)), {})
})

test('the tensors of a body are found while it comes, cut wherever it is', () => {
  const maps = [
    { step: 1, grads: gradient(1) },
    {
      step: 1,
      grads: { a: gradient(1), b: gradient(2).subarray(0, 10), c: Buffer.alloc(0), d: gradient(3) },
    },
    {
      grads: Object.fromEntries(
        Array.from({ length: 40 }, (_, i) => [`w${i}`, gradient(i).subarray(0, 3000 * (i % 3))]),
      ),
    },
  ]
  for (const [i, body] of maps.entries()) {
    const bytes = new Uint8Array(packr.pack(body))
    const right = body.grads instanceof Uint8Array ? [body.grads] : Object.values(body.grads)
    for (const step of [...(i === 2 ? [1] : []), 1009, 65_536, bytes.length]) {
      const tensors = beginningOf(bytes.subarray(0, 70_000)).tensors?.(bytes, 40)
      assert.ok(tensors)
      const found: Uint8Array[] = []
      for (let count = 0; count < bytes.length; ) {
        assert.equal(tensors.over, false)
        count = Math.min(bytes.length, count + step)
        for (const part of tensors.upTo(count)) {
          assert.ok(part.buffer === bytes.buffer && part.byteOffset + part.length <= count)
          found.push(part)
        }
      }
      assert.equal(tensors.over, true, `body ${i}`)
      assert.ok(Buffer.concat(found).equals(Buffer.concat(right)))
    }
  }
  for (const grads of [
    { w: { rows: gradient(1), data: gradient(2) } },
    { w: 'x'.repeat(100_000) },
    { a: gradient(1), b: gradient(2) },
  ]) {
    const bytes = new Uint8Array(packr.pack({ grads }))
    const tensors = beginningOf(bytes.subarray(0, 70_000)).tensors?.(bytes, 1)
    assert.throws(() => [...(tensors?.upTo(bytes.length) ?? [])], TypeError)
  }
  const beside = packr.pack({ params: gradient(1) })
  assert.equal(beginningOf(beside.subarray(0, 70_000)).tensors, undefined)
})
