import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wasmEngine } from '../../server/engines/wasm/engine.ts'
import { digest } from '../../server/sessions/journal.ts'
import type { Sessions } from '../../server/sessions/sessions.ts'
import { openStore } from '../../server/stores/index.ts'
import { inFolder } from '../app.ts'
import { startRedis } from '../redis.ts'
import { altered, bytes, sessionsOn } from './setup.ts'

// Steps whose content is too large to be hashed each time: their retries are compared with the journal.

const key = 'public/run'
const n = 20_000
const tensors = [{ name: 'w', shape: [n] }]
const values = (seed: number) =>
  new Uint8Array(Float32Array.from({ length: n }, (_, i) => Math.sin(seed + i)).buffer)
const otherLast = (content: Uint8Array) => {
  const other = content.slice()
  other[other.length - 1] = (other[other.length - 1] ?? 0) ^ 1
  return other
}

const stores: Record<string, (work: (url: string) => Promise<void>) => Promise<void>> = {
  memory: (work) => work('memory:'),
  lmdb: (work) => inFolder((folder) => work(`lmdb:${folder}`)),
  redis: async (work) => {
    const redis = await startRedis()
    await work(redis.url).finally(redis.stop)
  },
}

for (const [name, within] of Object.entries(stores)) {
  test(`a large step is known again by all that it was, at any server: ${name}`, () =>
    within(async (url) => {
      const store = await openStore(url)
      const engine = wasmEngine({ threads: 1 })
      const servers = [1, 2].map(() => sessionsOn({ store, engine }))
      const [first, second] = servers as [Sessions, Sessions]
      await first.open(key, { chain: 'adamw(0.1)', tensors })
      for (let step = 1; step <= 7; step++) {
        const sent = {
          step,
          grads: values(step),
          params: values(-step),
          value: 0.5,
          hyperparams: { learning_rate: 0.1 / step },
        }
        const taken = await first.step(key, sent)
        // What changes a session after the step is an entry too, and no step.
        if (step % 2 === 0) await second.change(key, { hyperparams: { b1: 0.8 } })
        for (const server of servers) {
          const again = await server.step(key, sent)
          assert.equal(again.replayed, true)
          assert.deepEqual(bytes(again), bytes(taken), `step ${step}`)
          for (const other of [
            { grads: otherLast(sent.grads) },
            { params: otherLast(sent.params) },
            { value: 0.25 },
            { hyperparams: {} },
          ])
            await assert.rejects(server.step(key, { ...sent, ...other }), { code: 'step_conflict' })
        }
      }
      for (const server of servers) await server.close()
      await engine.close()
      await store.close()
    }))

  test(`a retry that is late is told where the session went while it was compared: ${name}`, () =>
    within(async (url) => {
      const store = await openStore(url)
      let goOn = async () => {}
      const slow = altered(store, {
        async append(...args) {
          const answer = await store.append(...args)
          await goOn()
          return answer
        },
      })
      const [late, quick] = [sessionsOn({ store: slow }), sessionsOn({ store })]
      await late.open(key, { chain: 'sgd(0.1)', tensors })
      await late.step(key, { step: 1, grads: values(1) })
      // The budget is of three entries: the first is in a snapshot by the time that it is looked for.
      goOn = async () => {
        for (let step = 2; step <= 9; step++) await quick.step(key, { step, grads: values(step) })
      }
      await assert.rejects(late.step(key, { step: 1, grads: values(1) }), {
        code: 'step_past',
        more: { current_step: 9 },
      })
      const sent = { step: 10, grads: values(10) }
      goOn = async () => {}
      await late.step(key, sent)
      goOn = () => quick.delete(key)
      await assert.rejects(late.step(key, sent), { code: 'session_not_found' })
      await late.close()
      await quick.close()
      await store.close()
    }))
}

test('a large step that another version took, with its digest, is known by that', async () => {
  const store = await openStore('memory:')
  const digests: string[] = []
  const before = altered(store, {
    append: async (at, entry) => {
      const gradients = { dtype: 'F32', parts: entry.body } as const
      const own = await digest({ kind: 'step', gradients, changes: [] })
      digests.push(own)
      return store.append(at, { ...entry, advance: { digest: own } })
    },
  })
  const [old, now] = [sessionsOn({ store: before }), sessionsOn({ store })]
  await old.open(key, { chain: 'sgd(0.1)', tensors })
  const sent = { step: 1, grads: values(1) }
  const taken = await old.step(key, sent)
  assert.equal((await store.get(key))?.head.digest, digests[0])
  const again = await now.step(key, sent)
  assert.equal(again.replayed, true)
  assert.deepEqual(bytes(again), bytes(taken))
  await assert.rejects(now.step(key, { step: 1, grads: values(2) }), { code: 'step_conflict' })
  for (const sessions of [old, now]) await sessions.close()
  await store.close()
})
