import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Arena } from '../../server/engines/wasm/arena.ts'
import { f32, inFolder, TestApp } from '../app.ts'
import { seeded } from '../chains/random.ts'
import { startRedis } from '../redis.ts'

/** All arenas of this process that anything was taken of. */
const arenas = new Set<Arena>()
const { take } = Arena.prototype
Arena.prototype.take = function (bytes) {
  arenas.add(this)
  return take.call(this, bytes)
}
const taken = (): number => [...arenas].reduce((sum, arena) => sum + arena.taken, 0)

const sessions = 30
const steps = 6
const n = 20_000
/** Adam's state, and the latest reply. */
const each = 3 * 4 * n
const chains = ['adam(1e-3)', 'chain(clip(0.5), adamw(1e-2))', 'lion(1e-3)']
const spec = (i: number) => ({
  chain: chains[i % chains.length] ?? '',
  tensors: [{ name: 'w', shape: [n] }],
  ...(i % chains.length === 0 ? {} : { params: new Uint8Array(4 * n) }),
})
const gradients = (i: number, step: number) =>
  f32(...Array.from({ length: n }, (_, k) => Math.sin(i * 131 + step * 7 + k)))

/** All replies, of sessions that several clients drive at once in disorder; with retries, now and then. */
async function drive(app: TestApp, seed: number): Promise<Map<string, Buffer>> {
  const random = seeded(seed)
  const replies = new Map<string, Buffer>()
  const waiting = Array.from({ length: sessions }, (_, i) => ({ i, next: 0 }))
  const client = async () => {
    for (;;) {
      const [session] = waiting.splice(random(Math.max(1, waiting.length)), 1)
      if (session === undefined) return
      const { i, next } = session
      if (next === 0) assert.equal((await app.send('PUT', `/v1/sessions/s${i}`, spec(i))).status, 201)
      else {
        const body = { step: next, grads: gradients(i, next) }
        const send = () => app.send('POST', `/v1/sessions/s${i}/steps`, body)
        const { status, body: reply } = await send()
        assert.equal(status, 200, JSON.stringify(reply))
        replies.set(`${i} ${next}`, reply.updates)
        if (random(6) === 0) assert.deepEqual((await send()).body.updates, reply.updates)
      }
      if (next < steps) waiting.push({ i, next: next + 1 })
    }
  }
  await Promise.all(Array.from({ length: 6 }, client))
  return replies
}

async function driven(config: { readonly store: string; readonly memoryLimit?: number }) {
  const app = await TestApp.start({ engine: 'wasm', threads: 1, ...config })
  try {
    const replies = await drive(app, 5)
    return { replies, left: taken() }
  } finally {
    await app.close()
  }
}

const stores: readonly [string, (work: (url: string) => Promise<void>) => Promise<void>][] = [
  ['memory', (work) => work('memory:')],
  ['lmdb', (work) => inFolder((folder) => work(`lmdb:${folder}`))],
  [
    'redis',
    async (work) => {
      const redis = await startRedis()
      try {
        await work(redis.url)
      } finally {
        await redis.stop()
      }
    },
  ],
]

const expected = await driven({ store: 'memory:' })

for (const [name, provide] of stores)
  test(`${name}: with memory for few sessions, many are answered as with memory for all`, () =>
    provide(async (store) => {
      assert.equal(expected.replies.size, sessions * steps)
      const memoryLimit = 5 * each
      const { replies, left } = await driven({ store, memoryLimit })
      for (const [key, reply] of expected.replies)
        assert.ok(replies.get(key)?.equals(reply), `the reply of ${key} is another`)
      // Once all is quiet; what is noted beside the state is in the limit and not in the arena.
      assert.ok(left <= memoryLimit, `${left} bytes are taken, expected ${memoryLimit} at most`)
      assert.ok(expected.left > 2 * memoryLimit, `${expected.left} bytes without a limit: it limits nothing`)
      assert.equal(taken(), 0)
    }))

test('every use renews the time to live; idle for longer, a session is forgotten', async () => {
  const app = await TestApp.start()
  try {
    const open = { chain: 'sgd(1.0)', tensors: [{ name: 'w', shape: [] }], ttl_s: 1 }
    await app.send('PUT', '/v1/sessions/a', open)
    let expires = 0
    for (let i = 0; i < 4; i++) {
      await sleep(400)
      const { status, body } = await app.send('GET', '/v1/sessions/a')
      assert.equal(status, 200)
      assert.ok(Date.parse(body.expires_at) > expires, 'a use has not renewed it')
      expires = Date.parse(body.expires_at)
    }
    await sleep(1200)
    const { body } = await app.send('GET', '/v1/sessions/a/state')
    assert.equal(body.code, 'session_not_found')
    assert.match(body.detail, /expired/)
    assert.equal((await app.send('PUT', '/v1/sessions/a', open)).status, 201)
  } finally {
    await app.close()
  }
})
