import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Packr } from 'msgpackr'
import { errors } from '../../schemas/index.ts'
import { f32, TestApp } from '../app.ts'

// `FUZZ=1000000 FUZZ_SEED=…` for the long form; a run is repeated by its seed.
const count = Number(process.env.FUZZ ?? 50_000)
const seed = Number(process.env.FUZZ_SEED ?? 1)
const packr = new Packr({ useRecords: false })

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

let app: TestApp
before(async () => {
  app = await TestApp.start()
})
after(() => app.close())

/** Numbers in [0, n), mulberry32. */
function dice(state: number): (n: number) => number {
  let a = state
  return (n) => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n)
  }
}

const tensors = [
  { name: 'w', shape: [2, 3] },
  { name: 'b', shape: [] },
]
const open = { chain: 'chain(clip(1.0), adam(1e-3))', tensors, ttl_s: 600, seed: 3 }
const grads = f32(1, 2, 3, 4, 5, 6, 7)
const named = { w: f32(1, 2, 3, 4, 5, 6), b: f32(7) }
const victim = '/v1/sessions/victim'

/** Bodies that are taken, each with where it goes. The steps are over: as they are they change nothing. */
const valid = [
  { method: 'PUT', url: victim, body: open },
  { method: 'POST', url: `${victim}/steps`, body: { step: 1, grads, want: { of: 'updates', stats: true } } },
  { method: 'POST', url: `${victim}/steps`, body: { step: 1, grads: named, dtype: 'F32', value: 0.5 } },
  { method: 'POST', url: '/v1/apply', body: { chain: open.chain, tensors, grads } },
  { method: 'PATCH', url: victim, body: { hyperparams: { learning_rate: 0.1 }, ttl_s: 600 } },
  { method: 'PUT', url: '/v1/chains/mine', body: { chain: { name: 'clip', args: { max_delta: 1 } } } },
].map(({ body, ...rest }) => ({ ...rest, bytes: packr.pack(body) }))

/** Bytes that decoders stumble over: heads of long and of deep things, extensions, odd numbers. */
const nasty = [
  0xc1, 0xc4, 0xc6, 0xc7, 0xc9, 0xcb, 0xcf, 0xd4, 0xd8, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0x80, 0x90, 0xff, 0,
]

function mutate(bytes: Uint8Array, roll: (n: number) => number): Buffer {
  let body = Buffer.from(bytes)
  for (let i = 0; i <= roll(4); i++) {
    const at = roll(body.length)
    const length = roll(12)
    switch (roll(6)) {
      case 0:
        body[at] = roll(256)
        break
      case 1:
        body[at] = nasty[roll(nasty.length)] ?? 0
        break
      case 2:
        body = Buffer.concat([body.subarray(0, at), body.subarray(at + length)])
        break
      case 3:
        body = Buffer.concat([body.subarray(0, at), body.subarray(at, at + length), body.subarray(at)])
        break
      case 4:
        body = Buffer.concat([body.subarray(0, at), randomBytes(length, roll), body.subarray(at)])
        break
      default:
        body = body.subarray(0, at)
    }
  }
  return body
}

const randomBytes = (length: number, roll: (n: number) => number) =>
  Buffer.from(Array.from({ length }, () => roll(256)))

const documented = new Set(Object.values(errors).map(({ status }) => status as number))

test(`${count} bodies, mutated and random: refused as documented, nothing changed, nothing left`, async (t) => {
  await app.send('PUT', victim, open)
  for (let step = 1; step <= 3; step++) await app.send('POST', `${victim}/steps`, { step, grads })
  const roll = dice(seed)
  const look = async () => {
    const { body } = await app.send('GET', victim)
    const { raw } = await app.raw({ method: 'GET', url: `${victim}/state` })
    return JSON.stringify([body.step, body.chain, body.hyperparams, body.ttl_s, raw.toString('latin1')])
  }
  let before = await look()
  let early = 0
  const statuses = new Map<number, number>()
  for (let i = 0; i < count; i++) {
    const { method, url, bytes } = valid[roll(valid.length)] ?? assert.fail()
    const payload = roll(10) === 0 ? randomBytes(roll(200), roll) : mutate(bytes, roll)
    const json = roll(20) === 0
    const { status, body } = await app.raw({
      method: method as 'PUT',
      url,
      payload,
      headers: { 'content-type': json ? 'application/json' : 'application/msgpack' },
    })
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    const what = `${method} ${url} ${payload.toString('hex')}: ${status} ${JSON.stringify(body)}`
    if (status >= 400) {
      assert.ok(status < 500 && documented.has(status), what)
      assert.ok(body.code in errors && body.status === status, what)
      assert.doesNotMatch(body.detail, /\/(work|tmp|home|root)\/|node_modules|\.[jt]s:\d|\n\s+at /, what)
    }
    // What was taken may change something; what was refused must not.
    if (status < 400) before = await look()
    else if (i % 16 === 0) assert.equal(await look(), before, what)
    if (i === Math.floor(count / 4)) early = held()
  }
  const late = held()
  t.diagnostic(
    `seed ${seed}: ${JSON.stringify(Object.fromEntries(statuses))}, ${late - early} bytes more at the end`,
  )
  assert.ok((statuses.get(400) ?? 0) > count / 4 && (statuses.get(422) ?? 0) > count / 100)
  assert.ok(late - early < 16 * 2 ** 20, `${late - early} bytes more are held`)
})

/** Bytes of heap and of buffers that are in use. */
function held(): number {
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
