import { gzipSync } from 'node:zlib'
import { Packr } from 'msgpackr'
import { f32 } from '../../app.ts'
import { oneOf, seeded } from '../../chains/random.ts'

export interface Input {
  readonly method: 'PUT' | 'POST' | 'PATCH'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly payload: Buffer
}

type Roll = (bound: number) => number

const packr = new Packr({ useRecords: false })
const tensors = [
  { name: 'w', shape: [2, 3] },
  { name: 'b', shape: [] },
]
const grads = f32(1, 2, 3, 4, 5, 6, 7)
const named = { w: f32(1, 2, 3, 4, 5, 6), b: f32(7) }

/** What the sessions are that must stay as they are. */
export const open = { chain: 'chain(clip(1.0), adam(1e-3))', tensors, ttl_s: 600, seed: 3 }
/** So many steps of them are over. */
export const steps = [1, 2, 3].map((step) => ({ step, grads }))

/** Bodies that are taken, each with where it goes. The steps are over: as they are they change nothing. */
const valid = (session: string) =>
  (
    [
      ['PUT', session, open],
      ['POST', `${session}/steps`, { step: 1, grads, want: { of: 'updates', stats: true } }],
      ['POST', `${session}/steps`, { step: 1, grads: named, dtype: 'F32', value: 0.5 }],
      ['POST', '/v1/apply', { chain: open.chain, tensors, grads }],
      ['PATCH', session, { hyperparams: { learning_rate: 0.1 }, ttl_s: 600 }],
      ['PUT', '/v1/chains/mine', { chain: { name: 'clip', args: { max_delta: 1 } } }],
    ] as const
  ).map(([method, url, body]) => ({ method, url, bytes: packr.pack(body) }))

/** Bytes that decoders stumble over: heads of long and of deep things, extensions, odd numbers. */
const nasty = [
  0xc1, 0xc4, 0xc6, 0xc7, 0xc9, 0xcb, 0xcf, 0xd4, 0xd8, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0x80, 0x90, 0xff, 0,
]

/** Requests with bodies that are mutated or random, around one session: the same ones for the same seed. */
export function inputs(session: string, seed: number): () => Input {
  const roll = seeded(seed)
  const all = valid(session)
  return () => {
    const { method, url, bytes } = oneOf(roll, all)
    const payload = roll(10) === 0 ? randomBytes(roll(200), roll) : mutate(bytes, roll)
    const type = roll(20) === 0 ? 'application/json' : 'application/msgpack'
    if (roll(40) > 0) return { method, url, headers: { 'content-type': type }, payload }
    const headers = { 'content-type': type, 'content-encoding': 'gzip' }
    return { method, url, headers, payload: mutate(gzipSync(payload), roll) }
  }
}

export function mutate(bytes: Uint8Array, roll: Roll): Buffer {
  let body = Buffer.from(bytes)
  const times = 1 + roll(4)
  for (let i = 0; i < times; i++) {
    const at = roll(Math.max(1, body.length))
    const length = roll(12)
    switch (roll(6)) {
      case 0:
        body[at] = roll(256)
        break
      case 1:
        body[at] = oneOf(roll, nasty)
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

export const randomBytes = (length: number, roll: Roll): Buffer =>
  Buffer.from(Array.from({ length }, () => roll(256)))
