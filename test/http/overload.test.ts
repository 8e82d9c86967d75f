import assert from 'node:assert/strict'
import { request } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { afterEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { Packr } from 'msgpackr'
import type { Config } from '../../server/config.ts'
import { TestApp } from '../app.ts'

const packr = new Packr({ useRecords: false })
const MiB = 2 ** 20

let app: TestApp
let port = 0
async function start(config: Partial<Config>): Promise<void> {
  app = await TestApp.start(config)
  await app.server.listen({ port: 0, host: '127.0.0.1' })
  port = (app.server.server.address() as AddressInfo).port
}
afterEach(() => app.close())

/** A session of one square matrix. */
async function open(side: number, chain = 'identity()'): Promise<void> {
  const shape = [side, side]
  const { status } = await app.send('PUT', '/v1/sessions/a', { chain, tensors: [{ name: 'w', shape }] })
  assert.equal(status, 201)
}

const head = (length: number, ...more: string[]): string =>
  [
    'POST /v1/sessions/a/steps HTTP/1.1',
    'Host: localhost',
    'Content-Type: application/msgpack',
    `Content-Length: ${length}`,
    ...more,
    '\r\n',
  ].join('\r\n')

/** What comes until the server hangs up, or so much is there as is wanted. */
async function read(socket: Socket, wanted = /^$/): Promise<string> {
  let got = ''
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    got += (chunk as Buffer).toString('latin1')
    if (wanted.test(got)) break
  }
  return got
}

const problemOf = (answer: string) => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))

async function metric(name: string): Promise<number> {
  const { raw } = await app.raw({ method: 'GET', url: '/metrics' })
  return Number(new RegExp(`^stepd_${name} (.*)$`, 'm').exec(raw.toString())?.[1])
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await holds()) return
    await sleep(25)
  }
  assert.fail(`not within 5 s: ${what}`)
}

test('a client that asks whether to send is told to, and its step is taken', async () => {
  await start({})
  await open(2)
  const body = packr.pack({ step: 1, grads: new Uint8Array(16) })
  const socket = connect(port, '127.0.0.1')
  socket.write(head(body.length, 'Expect: 100-continue', 'Connection: close'))
  assert.match(await read(socket, /\r\n\r\n/), /^HTTP\/1.1 100 /)
  socket.write(body)
  assert.match(await read(socket), /^HTTP\/1.1 200 /)
})

test('a client that asks whether to send what is too large is told before it does', async () => {
  await start({ bodyLimit: MiB })
  const socket = connect(port, '127.0.0.1')
  socket.write(head(2 ** 32, 'Expect: 100-continue'))
  const answer = await read(socket)
  assert.match(answer, /^HTTP\/1.1 413 [\s\S]*connection: close/i)
  assert.equal(problemOf(answer).code, 'body_too_large')
})

for (const [what, config, more, code] of [
  ['too large', { bodyLimit: MiB }, [], 'body_too_large'],
  ['of a kind that is not taken', {}, ['Content-Encoding: br'], 'unsupported_media_type'],
  ['for no route of these', {}, ['X: y'], 'route_not_found'],
] as const)
  test(`a client that sends all before it reads: a refusal reaches it, the body ${what}`, async () => {
    await start(config)
    const socket = connect(port, '127.0.0.1')
    const text = head(64 * MiB, ...more)
    socket.write(what.startsWith('for') ? text.replace('/v1/', '/v9/') : text)
    for (let i = 0; i < 64; i++)
      await new Promise<void>((resolve, reject) =>
        socket.write(Buffer.alloc(MiB), (error) => (error ? reject(error) : resolve())),
      )
    const answer = await read(socket)
    assert.equal(problemOf(answer).code, code)
  })

test('a body that never ends is not drained for ever', { timeout: 60_000 }, async () => {
  await start({ bodyLimit: MiB })
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(head(2 ** 32))
  const trickle = setInterval(() => socket.write('x'), 100)
  const begun = performance.now()
  assert.equal(problemOf(await read(socket)).code, 'body_too_large')
  clearInterval(trickle)
  assert.ok(performance.now() - begun < 15_000)
})

test('beyond the bytes that may be in memory: 503 that says why and when to come again', async () => {
  await start({ flightLimit: 9 * MiB, bodyLimit: 5 * MiB })
  await open(1024)
  const body = packr.pack({ grads: new Uint8Array(4 * MiB) })
  const held = Array.from({ length: 2 }, () => connect(port, '127.0.0.1'))
  for (const socket of held) {
    socket.write(head(body.length, 'Connection: close'))
    socket.write(body.subarray(0, -1))
  }
  await until('both are held', async () => (await metric('held_bytes')) === 2 * body.length)
  const refused = await app.send('POST', '/v1/sessions/a/steps', { grads: new Uint8Array(4 * MiB) })
  assert.equal(refused.status, 503)
  assert.equal(refused.body.code, 'overloaded')
  assert.match(refused.body.detail, /bytes of requests are in memory/)
  assert.equal(refused.headers['retry-after'], '1')
  // What has no length of its own is counted as it comes.
  const zipped = await app.raw({
    method: 'POST',
    url: '/v1/sessions/a/steps',
    payload: gzipSync(body),
    headers: { 'content-type': 'application/msgpack', 'content-encoding': 'gzip' },
  })
  assert.equal(zipped.body.code, 'overloaded')
  for (const socket of held) {
    socket.write(body.subarray(-1))
    assert.match(await read(socket), /^HTTP\/1.1 200 /)
  }
  await until('nothing is held', async () => (await metric('held_bytes')) === 0)
  assert.equal(
    (await app.send('POST', '/v1/sessions/a/steps', { grads: new Uint8Array(4 * MiB) })).status,
    200,
  )
})

test('a body that stalls is given up, and what it held is free', async () => {
  await start({ stallTimeout: 300 })
  await open(1024)
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(head(2 * MiB))
  socket.write(Buffer.alloc(2 ** 16))
  const trickle = setInterval(() => socket.write('x'), 20)
  const answer = await read(socket, /\}$/)
  clearInterval(trickle)
  assert.match(answer, /^HTTP\/1.1 408 /)
  assert.equal(problemOf(answer).code, 'request_timeout')
  socket.destroy()
  await until('nothing is held', async () => (await metric('held_bytes')) === 0)
})

test('bodies that are announced and hardly come take hardly any memory, and those that stall are given up', async () => {
  await start({ stallTimeout: 2000 })
  await open(1024)
  const length = MiB - 1
  const before = process.memoryUsage().arrayBuffers
  const many = Array.from({ length: 50 }, () => connect(port, '127.0.0.1').on('error', () => {}))
  for (const socket of many) {
    socket.write(head(length))
    socket.write('x')
  }
  await until('all have begun', async () => (await metric('held_bytes')) === many.length * length)
  const taken = process.memoryUsage().arrayBuffers - before
  assert.ok(taken < 16 * MiB, `${taken} bytes for bodies of 50 bytes`)
  for (const answer of await Promise.all(many.map((socket) => read(socket, /\}$/)))) {
    assert.match(answer, /^HTTP\/1.1 408 /)
    assert.equal(problemOf(answer).code, 'request_timeout')
  }
  for (const socket of many) socket.destroy()
  await until('nothing is held', async () => (await metric('held_bytes')) === 0)
})

test('a client that does not read its answer is let go, and so is what it held', async () => {
  await start({ stallTimeout: 1500 })
  await open(4096)
  const body = packr.pack({ step: 1, grads: new Uint8Array(64 * MiB) })
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.pause()
  socket.write(head(body.length))
  socket.write(body)
  await until('it is under way', async () => (await metric('requests_under_way')) === 2)
  await until('it has ended', async () => (await metric('requests_under_way')) === 1)
  // The answer itself is kept: a retry has it.
  const again = await app.send('POST', '/v1/sessions/a/steps', { step: 1, grads: new Uint8Array(64 * MiB) })
  assert.equal(again.body.replayed, true)
  socket.destroy()
})

test('what nobody waits for any more is not begun', async () => {
  await start({ threads: 2 })
  await open(512, 'scale_by_muon()')
  const body = packr.pack({ grads: new Uint8Array(MiB) })
  const post = () => {
    const options = { port, host: '127.0.0.1', method: 'POST', path: '/v1/sessions/a/steps' }
    const headers = { 'content-type': 'application/msgpack', 'content-length': body.length }
    const client = request({ ...options, headers, agent: false })
    client.on('error', () => {})
    client.end(body)
    const answer = new Promise<number | undefined>((resolve) => {
      client.on('response', (response) => {
        response.resume()
        response.on('end', () => resolve(response.statusCode))
      })
      client.on('close', () => resolve(undefined))
    })
    return { client, answer }
  }
  const stay = Array.from({ length: 8 }, post)
  const leave = Array.from({ length: 8 }, post)
  await until('all have come', async () => (await metric('held_bytes')) > 11 * body.length)
  for (const { client } of leave) client.destroy()
  assert.deepEqual(new Set(await Promise.all(stay.map(({ answer }) => answer))), new Set([200]))
  await until('all are answered', async () => (await metric('requests_under_way')) === 1)
  const { step } = (await app.send('GET', '/v1/sessions/a')).body
  assert.ok(step >= 8 && step < 16, `the session is at ${step}`)
})
