import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { referenceEngine } from '../../server/engines/reference.ts'
import { wasmEngine } from '../../server/engines/wasm/engine.ts'
import type { Sessions } from '../../server/sessions/sessions.ts'
import { openStore } from '../../server/stores/index.ts'
import { f32 } from '../app.ts'
import { rows } from '../engines/calls.ts'
import { bytes, large, sessionsOn, small } from './setup.ts'

// What holds for sessions of every entry of the catalogue, to the byte.

const tensors = [
  { name: 'bias', shape: [4] },
  { name: 'conv', shape: [2, 1, 3, 2] },
  { name: 'embed', shape: [2, 3, 2] },
  { name: 'gain', shape: [] },
  { name: 'kernel', shape: [3, 5] },
]
const count = 44
const values = (seed: number) =>
  f32(...Array.from({ length: count }, (_, i) => 2 * Math.sin(1 + seed * 7.3 + i * 1.7)))
const steps = 6
const half = 3
const key = 'public/run'

const wasm = wasmEngine({ threads: 1 })
after(() => wasm.close())

const open = (sessions: Sessions, chain: string) => sessions.open(key, { chain, tensors, params: values(0) })

async function take(sessions: Sessions, step: number): Promise<Buffer> {
  const request = { step, grads: values(step), value: 5 + Math.sin(step), want: { of: 'params' } } as const
  return bytes(await sessions.step(key, request))
}

for (const engine of [referenceEngine(), wasm]) {
  describe(`${engine.name}: resumed at every step, and from a state file midway, as if never stopped`, () => {
    for (const { entry, chain } of rows()) {
      test(entry.name, async () => {
        const whole = sessionsOn({ store: await openStore('memory:'), engine, budget: large })
        await open(whole, chain)
        const store = await openStore('memory:')
        await open(sessionsOn({ store, engine }), chain)
        const imported = sessionsOn({ store: await openStore('memory:'), engine })
        for (let step = 1; step <= steps; step++) {
          const expected = await take(whole, step)
          // By a server that knows nothing yet: it starts from a snapshot and a few entries.
          const server = sessionsOn({ store, engine, budget: small })
          assert.deepEqual(await take(server, step), expected, `${chain}, resumed at step ${step}`)
          if (step === half) {
            const { file } = await server.state.read(key)
            await imported.state.put(key, Buffer.concat(file), undefined)
          }
          if (step > half)
            assert.deepEqual(await take(imported, step), expected, `${chain}, imported, step ${step}`)
          await server.close()
        }
        await imported.close()
        await whole.close()
      })
    }
  })
}
