import assert from 'node:assert/strict'
import { once } from 'node:events'
import { IncomingMessage } from 'node:http'
import { type AddressInfo, connect, Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { Packr } from 'msgpackr'
import type { Load } from '../../server/http/admission.ts'
import { readBody } from '../../server/http/body.ts'
import { Pace } from '../../server/http/pace.ts'
import { TestApp } from '../app.ts'

const packr = new Packr({ useRecords: false })
const limit = 2 ** 20
const n = 50_000
const grads = new Uint8Array(Float32Array.from({ length: n }, (_, i) => i % 7).buffer)
const body = packr.pack({ chain: 'sgd(0.5)', tensors: [{ name: 'w', shape: [n] }], grads })
const updates = Float32Array.from({ length: n }, (_, i) => -0.5 * (i % 7))

let app: TestApp
let port = 0
before(async () => {
  app = await TestApp.start({ bodyLimit: limit })
  await app.server.listen({ port: 0, host: '127.0.0.1' })
  port = (app.server.server.address() as AddressInfo).port
})
after(() => app.close())

interface Got {
  readonly status: number
  readonly headers: string
  readonly body: Buffer
}

/** What comes back until the server hangs up. */
async function answer(socket: Socket): Promise<Got> {
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  const raw = Buffer.concat(chunks)
  const end = raw.indexOf('\r\n\r\n')
  const headers = raw.toString('latin1', 0, end)
  return { status: Number(headers.split(' ')[1]), headers, body: raw.subarray(end + 4) }
}

/** A request to apply, written piece by piece, each on its own way. */
async function send(headers: readonly string[], pieces: readonly Uint8Array[]): Promise<Got> {
  const socket = connect(port, '127.0.0.1').setNoDelay(true)
  const head = [
    'POST /v1/apply HTTP/1.1',
    'Host: localhost',
    'Connection: close',
    'Content-Type: application/msgpack',
    ...headers,
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  for (const piece of pieces) await new Promise((resolve) => socket.write(piece, resolve))
  return answer(socket)
}

/** Cut into pieces of all lengths. */
function cut(bytes: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let at = 0, length = 1; at < bytes.length; at += length, length = (length * 7 + 3) % 4999)
    pieces.push(bytes.subarray(at, at + (length || 1)))
  return pieces
}

const chunked = (pieces: readonly Uint8Array[]): Uint8Array[] => [
  ...pieces.map((piece) =>
    Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]),
  ),
  Buffer.from('0\r\n\r\n'),
]

function checkUpdates({ status, body: answered }: Got): void {
  assert.equal(status, 200, answered.toString())
  assert.deepEqual(new Float32Array(new Uint8Array(packr.unpack(answered).updates).buffer), updates)
}

const pieces = () => {
  const all = cut(body)
  assert.equal(Buffer.concat(all).length, body.length)
  return all
}

test('a body of a known length, in pieces', async () =>
  checkUpdates(await send([`Content-Length: ${body.length}`], pieces())))

test('a body of unknown length', async () =>
  checkUpdates(await send(['Transfer-Encoding: chunked'], chunked(pieces()))))

test('a compressed body, its length known or not', async () => {
  const zipped = gzipSync(body)
  checkUpdates(await send(['Content-Encoding: gzip', `Content-Length: ${zipped.length}`], cut(zipped)))
  checkUpdates(await send(['Content-Encoding: gzip', 'Transfer-Encoding: chunked'], chunked(cut(zipped))))
})

function checkTooLarge({ status, body: answered }: Got): void {
  assert.equal(status, 413)
  const problem = JSON.parse(answered.toString())
  assert.equal(problem.code, 'body_too_large')
  assert.equal(problem.limit, limit)
}

test('a body that says it is too large is refused before any of it comes', async () => {
  const got = await send([`Content-Length: ${limit + 1}`], [])
  checkTooLarge(got)
  assert.match(got.headers, /connection: close/i)
})

test('a body that turns out to be too large is refused', async () => {
  const most = Buffer.alloc(limit + 1)
  checkTooLarge(
    await send(['Transfer-Encoding: chunked'], chunked([most.subarray(0, limit), most.subarray(limit)])),
  )
  const zipped = gzipSync(most)
  checkTooLarge(await send(['Content-Encoding: gzip', `Content-Length: ${zipped.length}`], [zipped]))
  checkTooLarge(await send(['Content-Encoding: gzip', 'Transfer-Encoding: chunked'], chunked([zipped])))
})

test('a compressed body that swells a thousandfold is decompressed to what it was, or refused', async () => {
  const size = 2 ** 23
  const roomy = await TestApp.start({ bodyLimit: 4 * size + 2 ** 10 })
  const ask = async (values: Float32Array<ArrayBuffer>) => {
    const tensors = [{ name: 'w', shape: [values.length] }]
    const message = packr.pack({ chain: 'sgd(0.5)', tensors, grads: new Uint8Array(values.buffer) })
    const headers = { 'content-type': 'application/msgpack', 'content-encoding': 'gzip' }
    const payload = gzipSync(message, { level: 1 })
    return roomy.raw({ method: 'POST', url: '/v1/apply', payload, headers })
  }
  const checkTaken = async (values: Float32Array<ArrayBuffer>) => {
    const { status, body: answered } = await ask(values)
    assert.equal(status, 200)
    const found = new Float32Array(new Uint8Array(answered.updates as Uint8Array).buffer)
    assert.deepEqual(
      found,
      values.map((x) => -0.5 * x),
    )
  }
  try {
    // It swells at once, at the end, and at once and then no more, when it has become too long to be kept.
    const values = new Float32Array(size)
    values[size - 1] = 3
    await checkTaken(values)
    for (let i = 0; i < 2 ** 16; i++) values[i] = Math.sin(i)
    await checkTaken(values)
    for (let i = size / 2; i < size; i++) values[i] = Math.sin(i)
    await checkTaken(values)
    const { status, body: refused } = await ask(new Float32Array(size + 2 ** 10))
    assert.equal(status, 413)
    assert.equal(refused.code, 'body_too_large')
    const { raw } = await roomy.raw({ method: 'GET', url: '/metrics' })
    assert.match(raw.toString(), /^stepd_held_bytes 0$/m)
  } finally {
    await roomy.close()
  }
})

test('a body of just the limit is read', async () => {
  const got = await send([`Content-Length: ${limit}`], [Buffer.alloc(limit)])
  // Read, and found to be no map.
  assert.equal(got.status, 400)
  assert.equal(JSON.parse(got.body.toString()).code, 'malformed_body')
})

test('gzip that breaks off or goes wrong is malformed', async () => {
  const zipped = gzipSync(body)
  const wrong = Buffer.from(zipped)
  wrong.fill(0xff, 100, 200)
  for (const bytes of [zipped.subarray(0, -9), wrong]) {
    const got = await send(['Content-Encoding: gzip', `Content-Length: ${bytes.length}`], [bytes])
    assert.equal(got.status, 400)
    assert.match(JSON.parse(got.body.toString()).detail, /gzip/)
  }
})

for (const encoding of ['identity', 'gzip'])
  test(`a client that breaks off in the middle of a body, ${encoding}: the server goes on`, async () => {
    const socket = connect(port, '127.0.0.1')
    const begun = encoding === 'gzip' ? gzipSync(body).subarray(0, 50) : body.subarray(0, 50)
    const head = `POST /v1/apply HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/msgpack\r\nContent-Encoding: ${encoding}\r\nContent-Length: 9999\r\n\r\n`
    await new Promise((resolve) => socket.write(Buffer.concat([Buffer.from(head), begun]), resolve))
    socket.destroy()
    await once(socket, 'close')
    checkUpdates(await send([`Content-Length: ${body.length}`], [body]))
  })

test('a length that is not that of the body', async () => {
  const { status, body: problem } = await app.raw({
    method: 'POST',
    url: '/v1/apply',
    payload: body,
    headers: { 'content-type': 'application/msgpack', 'content-length': String(body.length + 1) },
  })
  assert.equal(status, 400)
  assert.match(
    problem.detail,
    new RegExp(`${body.length} bytes, and its Content-Length says ${body.length + 1}`),
  )
})

test('a body that broke off before it was read is not waited for', async () => {
  const raw = new IncomingMessage(new Socket())
  raw.headers['content-length'] = '100000'
  const stream = new PassThrough()
  stream.write(Buffer.alloc(1000))
  stream.destroy()
  const load = { take: () => {} } as unknown as Load
  const pace = new Pace(60_000, () => performance.now())
  await assert.rejects(readBody(raw, stream, { limit, load, pace }), /The body broke off/)
})
