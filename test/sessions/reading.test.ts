import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wasmEngine } from '../../server/engines/wasm/engine.ts'
import { ahead } from '../../server/sessions/ahead.ts'
import { openStore } from '../../server/stores/index.ts'
import { StoreUnavailable } from '../../server/stores/store.ts'
import { inFolder } from '../app.ts'
import { altered, bytes, large, sessionsOn, small } from './setup.ts'

const key = 'public/run'
// Beyond what is copied, and into more than one chunk of a store.
const shape = [3, 140_001]
const values = (seed: number) =>
  new Uint8Array(Float32Array.from({ length: 3 * 140_001 }, (_, i) => Math.sin(seed + i)).buffer)

for (const url of ['memory:', 'lmdb:']) {
  test(`large tensors are read to where the engine has them: ${url}`, () =>
    inFolder(async (folder) => {
      const engine = wasmEngine({ threads: 1 })
      const open = { chain: 'chain(centralize(), adam(0.1))', tensors: [{ name: 'w', shape }] }
      const [store, other] = [
        await openStore(url === 'memory:' ? url : url + folder),
        await openStore('memory:'),
      ]
      const whole = sessionsOn({ store: other, engine })
      for (const sessions of [whole, sessionsOn({ store, engine })]) await sessions.open(key, open)
      const taken: number[] = []
      for (let step = 1; step <= 9; step++) {
        const server = sessionsOn({ store, engine, budget: { ...small, entries: 4 } })
        for (const sessions of [whole, server])
          assert.equal((await sessions.describe(key)).step, step - 1, 'what it is told by')
        const [expected, found] = await Promise.all(
          [whole, server].map((sessions) => sessions.step(key, { step, grads: values(step) })),
        )
        assert.ok(expected && found && bytes(expected).equals(bytes(found)), `step ${step}`)
        for (const { output } of [expected, found]) output.lease?.release()
        await server.close()
        taken.push(engine.memoryBytes?.() ?? 0)
      }
      assert.equal(taken[8], taken[5], 'nothing that was lent stays')
      await whole.close()
      for (const each of [store, other]) await each.close()
      await engine.close()
    }))
}

test('a session that could not be read leaves no memory behind', async () => {
  const engine = wasmEngine({ threads: 1 })
  const store = await openStore('memory:')
  const first = sessionsOn({ store, engine, budget: large })
  await first.open(key, { chain: 'adam(0.1)', tensors: [{ name: 'w', shape }] })
  for (const step of [1, 2, 3]) (await first.step(key, { step, grads: values(step) })).output.lease?.release()
  await first.close()
  assert.equal(engine.memoryBytes?.(), 0)
  const broken = altered(store, {
    async *entries(...args) {
      for await (const entry of store.entries(...args)) {
        if (entry.seq === 3) throw new StoreUnavailable('cut off')
        yield entry
      }
    },
  })
  const second = sessionsOn({ store: broken, engine, budget: large })
  await assert.rejects(second.describe(key), /cut off/)
  assert.equal(engine.memoryBytes?.(), 0)
  await second.close()
  await engine.close()
})

test('what was asked for ahead and is not wanted is given back', async () => {
  const made: number[] = []
  async function* numbers() {
    for (let i = 1; i < 5; i++) {
      made.push(i)
      yield i
    }
  }
  const [taken, dropped]: number[][] = [[], []]
  for await (const i of ahead(numbers(), (i) => dropped?.push(i))) {
    taken?.push(i)
    if (i === 2) break
  }
  assert.deepEqual([taken, dropped, made], [[1, 2], [3], [1, 2, 3]])
})
