import assert from 'node:assert/strict'
import { test } from 'node:test'
import { referenceEngine } from '../../server/engines/reference.ts'
import type { Sessions } from '../../server/sessions/sessions.ts'
import { openStore } from '../../server/stores/index.ts'
import type { Store } from '../../server/stores/store.ts'
import { f32 } from '../app.ts'
import { altered, bytes, large, sessionsOn, small } from './setup.ts'

const chain = 'chain(clip(1.0), centralize(), adamw(1e-3))'
const tensors = [
  { name: 'w', shape: [3, 4] },
  { name: 'b', shape: [4] },
]
const params = f32(...Array.from({ length: 16 }, (_, i) => i / 7))
const gradients = (step: number) => f32(...Array.from({ length: 16 }, (_, i) => Math.sin(step * 16 + i) * 2))
const key = 'public/run'
const open = (sessions: Sessions, id = key) => sessions.open(id, { chain, tensors, params })
const step = (sessions: Sessions, n: number, id = key) =>
  sessions.step(id, { step: n, grads: gradients(n), want: { of: 'params' } })

async function undisturbed(steps: number): Promise<Buffer[]> {
  const sessions = sessionsOn({ store: await openStore('memory:'), budget: large })
  await open(sessions)
  const replies: Buffer[] = []
  for (let n = 1; n <= steps; n++) replies.push(bytes(await step(sessions, n)))
  return replies
}

/** A store as a creator meets it that dies between making a session and sending the parameters. */
const dying = (store: Store): Store => altered(store, { append: () => Promise.reject(new Error('gone')) })

/** A sequence of pseudo-random choices, the same for the same seed. */
function choices(seed: number): (among: number) => number {
  let x = seed
  return (among) => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0
    return Math.floor((x / 2 ** 32) * among)
  }
}

test('servers on one store take steps in any alternation, with retries: as one undisturbed', async () => {
  const expected = await undisturbed(60)
  for (const seed of [1, 2, 3, 4, 5]) {
    const store = await openStore('memory:')
    const servers = [small, large, { entries: 7, bytes: 1e6, states: 1 }].map((budget) =>
      sessionsOn({ store, budget }),
    )
    const choose = choices(seed)
    const any = () => servers[choose(servers.length)] as Sessions
    await open(any())
    for (let n = 1; n <= 60; n++) {
      const first = await step(any(), n)
      assert.equal(first.replayed, false)
      assert.deepEqual(bytes(first), expected[n - 1], `seed ${seed}, step ${n}`)
      if (choose(3) > 0) continue
      const again = await step(any(), n)
      assert.equal(again.replayed, true)
      assert.deepEqual(bytes(again), expected[n - 1], `seed ${seed}, retry of step ${n}`)
    }
    for (const server of servers) assert.equal((await server.describe(key)).step, 60)
  }
})

test('two servers asked for the same step at once: one takes it, the other replays it', async () => {
  const store = await openStore('memory:')
  const [one, two] = [sessionsOn({ store }), sessionsOn({ store })]
  await Promise.all([open(one), open(two)])
  for (let n = 1; n <= 20; n++) {
    const [a, b] = await Promise.all([step(one, n), step(two, n)])
    assert.deepEqual([a.replayed, b.replayed].sort(), [false, true])
    assert.deepEqual(bytes(a), bytes(b))
  }
})

test('a journal is bounded, and the latest reply can always be made again', async () => {
  const store = await openStore('memory:')
  const expected = await undisturbed(40)
  const writer = sessionsOn({ store })
  await open(writer)
  for (let n = 1; n <= 40; n++) {
    await step(writer, n)
    let entries = 0
    for await (const _ of store.entries(key, 0)) entries++
    assert.ok(entries <= small.entries + 2, `${entries} entries after step ${n}`)
    // A server that knows nothing yet.
    const again = await step(sessionsOn({ store }), n)
    assert.equal(again.replayed, true)
    assert.deepEqual(bytes(again), expected[n - 1])
  }
})

test('memory is bounded: what is put out comes back', async () => {
  const expected = await undisturbed(12)
  const store = await openStore('memory:')
  const one = sessionsOn({ store, memoryLimit: 1 })
  const keys = ['public/a', 'public/b', 'public/c']
  for (const id of keys) await open(one, id)
  for (let n = 1; n <= 12; n++)
    for (const id of keys) assert.deepEqual(bytes(await step(one, n, id)), expected[n - 1])
})

test('other arithmetic folds on, snapshots at once, and says from where replays are exact', async () => {
  const store = await openStore('memory:')
  const before = sessionsOn({ store, budget: large })
  await open(before)
  for (let n = 1; n <= 5; n++) await step(before, n)
  assert.equal((await before.describe(key)).exact_from, 1)
  const engine = { ...referenceEngine(), numerics: 'reference-2' }
  const after = sessionsOn({ store, engine, budget: large })
  assert.equal((await after.describe(key)).exact_from, 6)
  await step(after, 6)
  await after.close()
  const snapshot = await store.snapshot(key)
  assert.equal(snapshot?.seq, 6) // the parameters, and five steps
  const fresh = sessionsOn({ store, engine, budget: large })
  assert.equal((await fresh.describe(key)).exact_from, 6)
  assert.equal((await step(fresh, 6)).replayed, true)
})

test('a session deleted and made again by another server is another one', async () => {
  const store = await openStore('memory:')
  const [one, two] = [sessionsOn({ store }), sessionsOn({ store })]
  const [first] = await undisturbed(1)
  await open(one)
  for (let n = 1; n <= 3; n++) await step(one, n)
  await two.delete(key)
  await open(two)
  // `one` still holds the old state at step 3.
  assert.deepEqual(bytes(await step(one, 1)), first)
})

test('parameters that the creator could not send are sent by the next open; the first ones count', async () => {
  const store = await openStore('memory:')
  const [one, two] = [sessionsOn({ store }), sessionsOn({ store })]
  const [first] = await undisturbed(1)
  await assert.rejects(open(sessionsOn({ store: dying(store) })), /gone/)
  await assert.rejects(step(one, 1), { code: 'missing_params' })
  await open(one)
  await two.open(key, { chain, tensors, params: f32(...new Array(16).fill(9)) })
  assert.deepEqual(bytes(await step(two, 1)), first)
})

test('the latest step can be retried after a change of hyperparams, also where the journal is full', async () => {
  const store = await openStore('memory:')
  const one = sessionsOn({ store })
  const expected = await undisturbed(1)
  await open(one)
  const first = await step(one, 1)
  assert.deepEqual(bytes(first), expected[0])
  for (let n = 2; n <= 12; n++) {
    const reply = await step(one, n)
    await one.change(key, { hyperparams: { learning_rate: n / 1000 } })
    const again = await step(sessionsOn({ store }), n)
    assert.equal(again.replayed, true)
    assert.deepEqual(bytes(again), bytes(reply))
  }
})

test('changes of nothing write nothing', async () => {
  const store = await openStore('memory:')
  const one = sessionsOn({ store })
  await open(one)
  const before = (await store.get(key))?.head.seq
  for (let n = 0; n < 5; n++) await one.change(key, { hyperparams: {} }, 0)
  assert.equal((await store.get(key))?.head.seq, before)
})

test('servers that take turns keep the journal bounded', async () => {
  const store = await openStore('memory:')
  const servers = [sessionsOn({ store }), sessionsOn({ store })] as const
  await open(servers[0])
  for (let n = 1; n <= 60; n++) await step(servers[n % 2] as Sessions, n)
  for (const server of servers) await server.close()
  let entries = 0
  for await (const _ of store.entries(key, 0)) entries++
  assert.ok(entries <= small.entries + 2, `${entries} entries`)
})

test('a copy of a session that was made again otherwise refuses nothing that the new one takes', async () => {
  const store = await openStore('memory:')
  const [one, two] = [sessionsOn({ store }), sessionsOn({ store })]
  await open(one)
  await step(one, 1)
  await two.delete(key)
  await two.open(key, { chain: 'sgd(1.0)', tensors: [{ name: 'v', shape: [2] }] })
  const { output } = await one.step(key, { step: 1, grads: f32(1, 2), hyperparams: { learning_rate: 2 } })
  assert.deepEqual(Buffer.concat(output.parts ?? []), Buffer.from(f32(-2, -4)))
})

test('hyperparams may change before the parameters arrive', async () => {
  const store = await openStore('memory:')
  const one = sessionsOn({ store })
  await assert.rejects(open(sessionsOn({ store: dying(store) })), /gone/)
  await one.change(key, { hyperparams: { learning_rate: 0.5 } })
  const other = sessionsOn({ store })
  await assert.rejects(step(other, 1), { code: 'missing_params' })
  await open(one)
  assert.equal((await step(other, 1)).step, 1)
  assert.equal((await other.describe(key)).hyperparams['2.learning_rate'], 0.5)
})
