import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { Packr } from 'msgpackr'
import type { Config } from '../../server/config.ts'
import { Arena } from '../../server/engines/wasm/arena.ts'
import { inFolder, TestApp } from '../app.ts'

const packr = new Packr({ useRecords: false })

/** All arenas of this process that anything was taken of. */
const arenas = new Set<Arena>()
const { take } = Arena.prototype
Arena.prototype.take = function (bytes) {
  arenas.add(this)
  return take.call(this, bytes)
}
const taken = (): number => [...arenas].reduce((sum, arena) => sum + arena.taken, 0)

/** So many that sockets do not swallow a reply whole. */
const n = 2 ** 22
const replyBytes = 4 * n
const gradients = [1, 2, 3].map(
  (k) => new Uint8Array(Float32Array.from({ length: n }, (_, i) => Math.sin(k * i)).buffer),
)
const stepBody = (step: number) => packr.pack({ step, grads: gradients[(step - 1) % gradients.length] })

class Service {
  readonly app: TestApp
  readonly port: number
  readonly #sockets: Socket[] = []

  private constructor(app: TestApp) {
    this.app = app
    this.port = (app.server.server.address() as AddressInfo).port
  }

  static async start(config: Partial<Config> = {}): Promise<Service> {
    const app = await TestApp.start(config)
    await app.server.listen({ port: 0, host: '127.0.0.1' })
    return new Service(app)
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await this.app.close()
  }

  async open(id: string): Promise<void> {
    const { status } = await this.app.send('PUT', `/v1/sessions/${id}`, {
      chain: 'adam(1e-3)',
      tensors: [{ name: 'w', shape: [n] }],
    })
    assert.equal(status, 201)
  }

  /** A step whose reply is read at once. */
  async step(id: string, step: number): Promise<Buffer> {
    const response = await fetch(`http://127.0.0.1:${this.port}/v1/sessions/${id}/steps`, {
      method: 'POST',
      body: new Uint8Array(stepBody(step)),
      headers: { 'content-type': 'application/msgpack' },
    })
    const raw = Buffer.from(await response.arrayBuffer())
    assert.equal(response.status, 200)
    assert.equal(raw.length, Number(response.headers.get('content-length')))
    return packr.unpack(raw).updates
  }

  /** A step whose reply has begun to come and is not read further. */
  async slowly(id: string, step: number): Promise<SlowReader> {
    const socket = connect(this.port, '127.0.0.1')
    const body = stepBody(step)
    const head = `POST /v1/sessions/${id}/steps HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/msgpack\r\nContent-Length: ${body.length}\r\n\r\n`
    socket.write(head)
    socket.write(body)
    await once(socket, 'readable')
    this.#sockets.push(socket)
    return new SlowReader(socket)
  }
}

class SlowReader {
  readonly socket: Socket

  constructor(socket: Socket) {
    this.socket = socket
  }

  /** The rest, read now. */
  async updates(): Promise<Buffer> {
    const chunks: Buffer[] = []
    for await (const chunk of this.socket) chunks.push(chunk as Buffer)
    const raw = Buffer.concat(chunks)
    const end = raw.indexOf('\r\n\r\n')
    const [, length] = /content-length: (\d+)/i.exec(raw.toString('latin1', 0, end)) ?? []
    const body = raw.subarray(end + 4)
    assert.equal(body.length, Number(length))
    return packr.unpack(body).updates
  }
}

/** What the steps of a session like those below must answer. */
async function expected(): Promise<readonly Buffer[]> {
  const twin = await TestApp.start({ engine: 'wasm' })
  await twin.send('PUT', '/v1/sessions/twin', { chain: 'adam(1e-3)', tensors: [{ name: 'w', shape: [n] }] })
  const found: Buffer[] = []
  for (const step of [1, 2, 3])
    found.push(
      (await twin.send('POST', '/v1/sessions/twin/steps', { step, grads: gradients[step - 1] })).body.updates,
    )
  await twin.close()
  return found
}

const right = await expected()

function same(found: Uint8Array, step: number): void {
  const updates = right[step - 1] ?? Buffer.alloc(0)
  assert.ok(updates.length === replyBytes && updates.equals(found), `the updates of step ${step} are others`)
}

/** Sockets close in their own time. */
async function settles(bytes: number): Promise<void> {
  for (let k = 0; k < 100 && Math.abs(taken() - bytes) > 4096; k++) await setTimeout(20)
  assert.ok(Math.abs(taken() - bytes) <= 4096, `${taken()} bytes are taken, expected ${bytes}`)
}

const state = 2 * replyBytes

async function serving(
  work: (service: Service) => Promise<void>,
  config: Partial<Config> = {},
): Promise<void> {
  // A store that keeps nothing in memory: what is taken is state and replies, in whose place the gradients came.
  await inFolder(async (folder) => {
    const service = await Service.start({ engine: 'wasm', store: `lmdb:${folder}`, ...config })
    try {
      await service.open('a')
      await work(service)
    } finally {
      await service.close()
    }
  })
  await settles(0)
}

test('a reply that is read slowly is right, whatever steps follow it', () =>
  serving(async (service) => {
    const slow = await service.slowly('a', 1)
    same(await service.step('a', 2), 2)
    // The session holds the second reply, the slow reader the first.
    await settles(state + 2 * replyBytes)
    same(await service.step('a', 3), 3)
    await settles(state + 2 * replyBytes)
    same(await slow.updates(), 1)
    await settles(state + replyBytes)
  }))

test('retries are answered from the same memory', () =>
  serving(async (service) => {
    const readers = [await service.slowly('a', 1), await service.slowly('a', 1), await service.slowly('a', 1)]
    await settles(state + replyBytes)
    same(await service.step('a', 2), 2)
    await settles(state + 2 * replyBytes)
    for (const reader of readers) same(await reader.updates(), 1)
    await settles(state + replyBytes)
  }))

test('a reply goes on when its session is deleted', () =>
  serving(async (service) => {
    const slow = await service.slowly('a', 1)
    assert.equal((await service.app.send('DELETE', '/v1/sessions/a')).status, 204)
    await settles(replyBytes)
    // Whatever takes memory now must not be given that of the reply.
    await service.open('a')
    same(await service.step('a', 1), 1)
    same(await slow.updates(), 1)
    await settles(state + replyBytes)
  }))

test('a reply goes on when its session makes room for others, and can be made again', () =>
  serving(
    async (service) => {
      const slow = await service.slowly('a', 1)
      await service.open('b')
      same(await service.step('b', 1), 1)
      await settles(state + 2 * replyBytes)
      same(await service.step('a', 1), 1)
      same(await slow.updates(), 1)
      await settles(state + replyBytes)
    },
    { memoryLimit: 1 },
  ))

test('a client that goes away gives back what it was being sent', () =>
  serving(async (service) => {
    const [one, two] = [await service.slowly('a', 1), await service.slowly('a', 1)]
    same(await service.step('a', 2), 2)
    await settles(state + 2 * replyBytes)
    one.socket.destroy()
    two.socket.resetAndDestroy()
    await settles(state + replyBytes)
    same(await service.step('a', 3), 3)
  }))

test('a client that goes away before its step is computed leaves nothing behind', () =>
  serving(async (service) => {
    const socket = connect(service.port, '127.0.0.1')
    const body = stepBody(1)
    socket.write(
      `POST /v1/sessions/a/steps HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/msgpack\r\nContent-Length: ${body.length}\r\n\r\n`,
    )
    await new Promise((resolve) => socket.write(body, resolve))
    // All of the request is there or on its way; nothing of the reply is.
    socket.destroy()
    // If it arrived whole the step was taken, and this is its retry.
    same(await service.step('a', 1), 1)
    same(await service.step('a', 2), 2)
    await settles(state + replyBytes)
  }))

test('clients that go away as soon as their body begins leave nothing behind', () =>
  serving(async (service) => {
    const body = stepBody(1)
    const head = `POST /v1/sessions/a/steps HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/msgpack\r\nContent-Length: ${body.length}\r\n\r\n`
    for (let k = 0; k < 40; k++) {
      const socket = connect(service.port, '127.0.0.1')
      await once(socket, 'connect')
      socket.write(Buffer.concat([Buffer.from(head), body.subarray(0, 2 ** 16 + k)]))
      if (k % 2 === 0) socket.destroySoon()
      else socket.resetAndDestroy()
    }
    await settles(state)
    same(await service.step('a', 1), 1)
    await settles(state + replyBytes)
  }))

test('what a journal in memory holds of the engine goes with the snapshot that stands for it, and with the session', () =>
  serving(
    async (service) => {
      for (let step = 1; step <= 12; step++) await service.step('a', step)
      // Of the journal no more than twice the state, and one body that came while a snapshot was written.
      assert.ok(taken() <= state + 6 * replyBytes, `${taken()} bytes are taken`)
      assert.equal((await service.app.send('DELETE', '/v1/sessions/a')).status, 204)
      await settles(0)
    },
    { store: 'memory:' },
  ))

test('apply gives back all memory', () =>
  serving(async (service) => {
    const answer = await service.app.send('POST', '/v1/apply', {
      chain: 'adam(1e-3)',
      tensors: [{ name: 'w', shape: [n] }],
      grads: gradients[0] ?? new Uint8Array(),
    })
    same(answer.body.updates, 1)
    await settles(state)
  }))

test('a server that stops waits for a slow reader, but not for ever', () =>
  serving(async (service) => {
    const slow = await service.slowly('a', 1)
    const closed = once(slow.socket, 'close')
    slow.socket.on('error', () => {})
    const since = performance.now()
    await service.app.close()
    assert.ok(performance.now() - since < 12_000)
    slow.socket.resume()
    await closed
  }))

test('named tensors, large and small, in one reply', () =>
  serving(async (service) => {
    const sizes = [3, 100_000, 1, 70_000, 5]
    const tensors = sizes.map((size, i) => ({ name: `t${i}`, shape: [size] }))
    const numbers = Float32Array.from({ length: 170_009 }, (_, i) => Math.cos(i))
    const grads = new Uint8Array(numbers.buffer)
    let end = 0
    const named = Object.fromEntries(
      tensors.map(({ name, shape: [size = 0] }) => {
        end += 4 * size
        return [name, grads.subarray(end - 4 * size, end)]
      }),
    )
    await service.app.send('PUT', '/v1/sessions/n', { chain: 'adam(1e-3)', tensors })
    const packed = await service.app.send('POST', '/v1/sessions/n/steps', { step: 1, grads })
    const split = await service.app.send('POST', '/v1/sessions/n/steps', { step: 1, grads: named })
    assert.equal(split.body.replayed, true)
    assert.deepEqual(Object.keys(split.body.updates), Object.keys(named))
    const joined = Buffer.concat(Object.values(split.body.updates as Record<string, Buffer>))
    assert.equal(joined.length, grads.length)
    assert.ok(joined.equals(packed.body.updates))
  }))
