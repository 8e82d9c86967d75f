import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Packr } from 'msgpackr'
import type { Engine } from '../../server/engines/engine.ts'
import { referenceEngine } from '../../server/engines/reference.ts'
import { wasmEngine } from '../../server/engines/wasm/engine.ts'
import { digest, readEvent, type StepEvent, writeEvent } from '../../server/sessions/journal.ts'
import type { JournalBudget } from '../../server/sessions/live.ts'
import { Programs } from '../../server/sessions/program.ts'
import { Sessions, type StepResult } from '../../server/sessions/sessions.ts'
import { openStore } from '../../server/stores/index.ts'
import { inMemory } from '../../server/stores/pieces.ts'
import type { Store } from '../../server/stores/store.ts'
import { f32 } from '../app.ts'
import { seeded } from '../chains/random.ts'

const tensors = [
  { name: 'embedding', shape: [6, 4] },
  { name: 'kernel', shape: [3] },
]
const key = 'public/rows'
const params = f32(...Array.from({ length: 27 }, (_, i) => i / 7))
const small: JournalBudget = { entries: 3, bytes: 1, states: 0 }
const large: JournalBudget = { entries: 1e6, bytes: 1e12, states: 1e6 }
const i32 = (...rows: number[]) => new Uint8Array(Int32Array.from(rows).buffer)

let ids = 0
const sessionsOn = (store: Store, budget: JournalBudget, engine: Engine) =>
  new Sessions({
    engine,
    store,
    programs: new Programs(),
    budget,
    memoryLimit: 1e9,
    queueLimit: 64,
    random: () => (ids++).toString(16).padStart(32, '0'),
    warn: (message, error) => assert.fail(`${message}: ${error}`),
  })

/** Sometimes rows, sometimes none, sometimes the whole. */
function gradients(step: number) {
  const wave = (n: number) => f32(...Array.from({ length: n }, (_, i) => Math.sin(step * 31 + i)))
  const rows = [[4, 1], [0, 2, 5], undefined, []][step % 4]
  const embedding = rows === undefined ? wave(24) : { rows: i32(...rows), data: wave(4 * rows.length) }
  return { embedding, kernel: wave(3) }
}

const step = (sessions: Sessions, n: number) =>
  sessions.step(key, { step: n, grads: gradients(n), want: { of: 'params' } })
const bytes = ({ output: { parts = [] } }: StepResult) => Buffer.concat(parts)

for (const [name, make] of [
  ['reference', referenceEngine],
  ['wasm', () => wasmEngine({ threads: 1 })],
] as const)
  test(`${name}: steps of rows replay from snapshot and journal, on any server, byte for byte`, async () => {
    const engine = make()
    const chain = 'chain(centralize(), clip_by_global_norm(1.0), adam(0.1), add_decayed_weights(-0.01))'
    const alone = sessionsOn(await openStore('memory:'), large, engine)
    await alone.open(key, { chain, tensors, params })
    const expected: Buffer[] = []
    for (let n = 1; n <= 24; n++) expected.push(bytes(await step(alone, n)))
    const random = seeded(7)
    for (const budget of [small, large]) {
      const store = await openStore('memory:')
      const servers = [sessionsOn(store, budget, engine), sessionsOn(store, budget, engine)]
      await servers[0]?.open(key, { chain, tensors, params })
      for (let n = 1; n <= 24; n++) {
        assert.deepEqual(bytes(await step(servers[random(2)] as Sessions, n)), expected[n - 1], `step ${n}`)
        // A server that knows nothing yet.
        const again = await step(sessionsOn(store, budget, engine), n)
        assert.equal(again.replayed, true)
        assert.deepEqual(bytes(again), expected[n - 1], `retry of step ${n}`)
      }
      for (const server of servers) await server.close()
    }
    await alone.close()
    await engine.close()
  })

test('a retry with other rows, or the same in another order, is another step', async () => {
  const engine = referenceEngine()
  const sessions = sessionsOn(await openStore('memory:'), large, engine)
  await sessions.open(key, { chain: 'sgd(0.1)', tensors })
  const kernel = f32(1, 2, 3)
  const send = (rows: Uint8Array, data = f32(1, 2, 3, 4, 5, 6, 7, 8)) =>
    sessions.step(key, { step: 1, grads: { kernel, embedding: { rows, data } } })
  await send(i32(1, 4))
  assert.equal((await send(i32(1, 4))).replayed, true)
  for (const rows of [i32(4, 1), i32(1, 5)]) await assert.rejects(send(rows), { code: 'step_conflict' })
  await assert.rejects(send(i32(1), f32(1, 2, 3, 4)), { code: 'step_conflict' })
})

test('parameters that the client keeps come whole or as the same rows', async () => {
  const engine = referenceEngine()
  const sent: Buffer[] = []
  const whole = { embedding: params.slice(0, 96), kernel: params.slice(96) }
  const row = (i: number) => whole.embedding.slice(16 * i, 16 * i + 16)
  const rows = i32(4, 1)
  for (const given of [
    params,
    whole,
    { ...whole, embedding: { rows, data: new Uint8Array(Buffer.concat([row(4), row(1)])) } },
  ]) {
    const sessions = sessionsOn(await openStore('memory:'), large, engine)
    await sessions.open(key, { chain: 'adamw(0.1)', tensors })
    const grads = { embedding: { rows, data: f32(1, 2, 3, 4, 5, 6, 7, 8) }, kernel: f32(1, 2, 3) }
    const result = await sessions.step(key, { step: 1, grads, params: given })
    assert.deepEqual(
      result.output.parts?.map(({ length }) => length),
      [32, 12],
    )
    sent.push(bytes(result))
  }
  assert.deepEqual(sent[1], sent[0])
  assert.deepEqual(sent[2], sent[0])
})

test('entries without rows are as they were before there were rows', async () => {
  const event: StepEvent = {
    kind: 'step',
    gradients: { dtype: 'F32', parts: [f32(...new Array(24).fill(1)), f32(1, 2, 3)] },
    changes: [[0, 0.5]],
    loss: 2,
  }
  const packr = new Packr({ useRecords: false })
  const { meta, body } = writeEvent(event, 'numerics')
  const old = {
    format: 1,
    kind: 'step',
    numerics: 'numerics',
    dtypes: ['F32'],
    loss: 2,
    changes: [[0, 0.5]],
  }
  assert.deepEqual(packr.unpack(meta), old)
  assert.equal(await digest(event), '96dfde23b4dcd13e')
  const plain = tensors.map((tensor) => ({ ...tensor, rank: tensor.shape.length }))
  const place = { seq: 1, id: '', previous: '', step: 1 }
  const read = readEvent(
    { ...place, meta: packr.pack(old), body: inMemory(body) },
    Buffer.concat(body),
    plain,
  )
  assert.deepEqual(
    { ...read.event, gradients: undefined },
    { kind: 'step', changes: [[0, 0.5]], loss: 2, gradients: undefined },
  )
})
