import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openStore } from '../../server/stores/index.ts'
import type { Store } from '../../server/stores/store.ts'
import { f32 } from '../app.ts'
import { seeded } from '../chains/random.ts'
import { altered, bytes, collected, large, sessionsOn, small } from './setup.ts'

const key = 'public/run'
const spec = {
  chain: 'chain(clip(1.0), centralize(), adamw(1e-3))',
  tensors: [
    { name: 'w', shape: [3, 4] },
    { name: 'b', shape: [4] },
  ],
  params: f32(...Array.from({ length: 16 }, (_, i) => i / 7)),
}
const gradients = (n: number) => f32(...Array.from({ length: 16 }, (_, i) => Math.sin(n * 16 + i) * 2))
const request = (n: number) => ({ step: n, grads: gradients(n), want: { of: 'params' } as const })

type Server = ReturnType<typeof sessionsOn>
const step = async (server: Server, n: number, id = key) => bytes(await server.step(id, request(n)))
const state = async (server: Server, id = key) => Buffer.concat((await server.state.read(id)).file)

async function undisturbed(steps: number): Promise<Buffer[]> {
  const alone = sessionsOn({ store: await openStore('memory:'), budget: large })
  await alone.open(key, spec)
  const replies: Buffer[] = []
  for (let n = 1; n <= steps; n++) replies.push(await step(alone, n))
  return replies
}

test('servers on one store restore and fork in any alternation: every step is as if undisturbed', async () => {
  const expected = await undisturbed(120)
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const store = await openStore('memory:')
    const servers = [small, large, { entries: 7, bytes: 1e6, states: 1 }].map((budget) =>
      sessionsOn({ store, budget }),
    )
    const random = seeded(seed)
    const any = () => servers[random(servers.length)] as Server
    await any().open(key, spec)
    const files: { readonly file: Buffer; readonly at: number }[] = []
    let at = 0
    for (let i = 0; i < 120; i++) {
      switch (random(8)) {
        case 0:
          files.push({ file: await state(any()), at })
          break
        case 1: {
          const saved = files[random(files.length || 1)]
          if (saved === undefined) break
          const guard = random(2) === 0 ? at : undefined
          await any().state.put(key, saved.file, undefined, guard)
          at = saved.at
          const server = any()
          assert.equal((await server.describe(key)).step, at)
          assert.ok((await state(server)).equals(saved.file), `seed ${seed}: another state at step ${at}`)
          break
        }
        case 2: {
          const id = `public/fork-${i}`
          await any().state.fork(key, id)
          assert.equal((await any().state.fork(key, id)).created, false)
          assert.deepEqual(await step(any(), at + 1, id), expected[at], `seed ${seed}: fork at ${at}`)
          await any().delete(id)
          break
        }
        default: {
          at++
          assert.deepEqual(await step(any(), at), expected[at - 1], `seed ${seed}, step ${at}`)
          if (random(3) === 0) assert.deepEqual(await step(any(), at), expected[at - 1])
        }
      }
    }
    assert.ok(at > 10 && files.length > 5, `step ${at} and ${files.length} files`)
  }
})

test('what was put takes the place of the journal, and is bounded with it', async () => {
  const store = await openStore('memory:')
  const server = sessionsOn({ store, budget: large })
  await server.open(key, spec)
  const file = await state(server)
  for (let n = 1; n <= 5; n++) await step(server, n)
  for (let i = 0; i < 3; i++) {
    await server.state.put(key, file, undefined)
    assert.equal((await collected(store.entries(key, 0))).length, 0)
    await step(server, 1)
    assert.equal((await collected(store.entries(key, 0))).length, 1)
  }
})

test('a session whose state is lost comes back from a file', async () => {
  const store = await openStore('memory:')
  const server = sessionsOn({ store, budget: large })
  await server.open(key, spec)
  const [first] = await undisturbed(1)
  const file = await state(server)
  const kept = await store.get(key)
  assert.ok(kept)
  const entry = { id: 'f'.repeat(32), incarnation: kept.incarnation, body: [], advance: { digest: '' } }
  await store.append(key, {
    ...entry,
    meta: new Uint8Array([0x81, 0xa6, 0x66, 0x6f, 0x72, 0x6d, 0x61, 0x74, 99]),
  })
  await assert.rejects(server.describe(key), { name: 'StateLost' })
  await server.state.put(key, file, undefined)
  assert.deepEqual(await step(server, 1), first)
})

/** A store as one meets it that dies between making a session and putting its state. */
const dying = (store: Store): Store => altered(store, { append: () => Promise.reject(new Error('gone')) })

test('a session that is made from state takes no step without it, also where its maker died', async () => {
  const expected = await undisturbed(3)
  for (const keeps of [true, false]) {
    const store = await openStore('memory:')
    const server = sessionsOn({ store })
    const { params, ...rest } = spec
    await server.open(key, keeps ? spec : { ...rest, chain: 'adam(1e-3)' })
    const send = (n: number, id: string) =>
      server.step(id, keeps ? request(n) : { step: n, grads: gradients(n) })
    for (const n of [1, 2]) await send(n, key)
    const file = await state(server)
    const dead = sessionsOn({ store: dying(store) })
    await assert.rejects(dead.state.put('public/put', file, undefined), /gone/)
    await assert.rejects(dead.state.fork(key, 'public/fork'), /gone/)
    for (const id of ['public/put', 'public/fork']) {
      await assert.rejects(send(1, id), { code: 'missing_params' })
      await assert.rejects(server.state.read(id), { code: 'missing_params' })
      assert.equal((await server.describe(id)).step, 0)
    }
    assert.equal((await server.state.put('public/put', file, undefined)).session.step, 2)
    assert.equal((await server.state.fork(key, 'public/fork')).session.step, 2)
    const next = bytes(await send(3, key))
    if (keeps) assert.deepEqual(next, expected[2])
    for (const id of ['public/put', 'public/fork']) assert.deepEqual(bytes(await send(3, id)), next)
  }
})

test('history is the same on every server, also after snapshots', async () => {
  const store = await openStore('memory:')
  const servers = [sessionsOn({ store, budget: small }), sessionsOn({ store, budget: large })] as const
  await servers[0].open(key, spec)
  for (let n = 1; n <= 20; n++) {
    const stats = n % 3 === 0
    const want = { of: 'params', stats } as const
    await servers[n % 2]?.step(key, { step: n, grads: gradients(n), want })
    if (n % 4 === 0) await servers[1].change(key, { hyperparams: { learning_rate: n / 1000 } })
    const [one, two] = [await servers[0].history(key, 0), await servers[1].history(key, 0)]
    assert.deepEqual(one, two)
    assert.deepEqual(await sessionsOn({ store }).history(key, 0), one)
  }
  const { happened, begins } = await servers[0].history(key, 0)
  assert.equal(begins, 1)
  assert.equal(happened.length, 26)
  assert.equal(happened.filter(({ stats = {} }) => 'grad_norm' in stats).length, 6)
})

test('who waits for other workers hears that the round is gone', async () => {
  const store = await openStore('memory:')
  const servers = [sessionsOn({ store }), sessionsOn({ store })] as const
  await servers[0].open(key, { ...spec, workers: 2 })
  const offer = (n: number, worker: string, server: Server = servers[0]) =>
    server.step(key, { ...request(n), worker, wait_ms: 20_000 })
  const both = async (n: number) => {
    const results = await Promise.all([offer(n, 'a'), offer(n, 'b', servers[1])])
    return results.map((result) => result.step)
  }
  const start = await state(servers[0])
  await both(1)
  const later = await state(servers[0])
  await both(2)
  // Back by a step: step 3 is ahead of its turn.
  const ahead = assert.rejects(offer(3, 'a'), { code: 'step_gap' })
  await sleep(50)
  await servers[1].state.put(key, later, undefined)
  await ahead
  // To the same step: the round is another.
  const gone = assert.rejects(offer(2, 'a'), { code: 'step_open' })
  await sleep(50)
  await servers[1].state.put(key, later, undefined)
  await gone
  assert.deepEqual(await both(2), [2, 2])
  // Ahead of it: the step is over.
  await servers[1].state.put(key, start, undefined)
  const over = assert.rejects(offer(1, 'a'), { code: 'step_past' })
  await sleep(50)
  await servers[1].state.put(key, later, undefined)
  await over
})
