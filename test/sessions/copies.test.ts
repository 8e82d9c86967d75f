import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wasmEngine } from '../../server/engines/wasm/engine.ts'
import { openStore } from '../../server/stores/index.ts'
import { StoreUnavailable } from '../../server/stores/store.ts'
import { altered, sessionsOn } from './setup.ts'

test('a copy of the state is made where the one before it was, but for one that may yet be written', async () => {
  const key = 'public/large'
  const n = 2 ** 19
  const copies: Uint8Array[] = []
  let unwritten: Uint8Array | undefined
  const store = altered(await openStore('memory:'), {
    async putSnapshot(_key, { body: [bytes] }) {
      assert.ok(bytes !== undefined)
      copies.push(bytes)
      if (copies.length !== 3) return true
      unwritten = Uint8Array.from(bytes)
      throw new StoreUnavailable('no reply')
    },
  })
  const engine = wasmEngine({ threads: 1 })
  const warnings: string[] = []
  const sessions = sessionsOn({ store, engine, warn: (message) => warnings.push(message) })
  await sessions.open(key, { chain: 'sgd(0.1, momentum=0.9)', tensors: [{ name: 'w', shape: [n] }] })
  const grads = new Uint8Array(new Float32Array(n).fill(1).buffer)
  for (let step = 1; copies.length < 5 && step < 100; step++)
    await sessions.step(key, { step, grads, want: { of: 'updates' } })
  const [first, second, third, fourth, fifth] = copies
  assert.equal(first?.length, 4 * n)
  assert.deepEqual(
    [second === first, third === first, fourth === first, fifth === fourth],
    [true, true, false, true],
  )
  assert.deepEqual(third, unwritten)
  assert.equal(warnings.length, 1)
  await sessions.close()
  await engine.close()
})
