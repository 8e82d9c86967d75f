import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readChain, record } from '../../server/chains/index.ts'
import { compile } from '../../server/compiler/compile.ts'
import { Lease } from '../../server/engines/lease.ts'
import { Arena } from '../../server/engines/wasm/arena.ts'
import { wasmEngine } from '../../server/engines/wasm/engine.ts'
import { Modules } from '../../server/engines/wasm/modules.ts'
import { WasmPrograms } from '../../server/engines/wasm/program.ts'
import { WasmReplica } from '../../server/engines/wasm/replica.ts'
import { Threads } from '../../server/engines/wasm/threads.ts'

const n = 300_000
const tensors = [
  { name: 'w', shape: [n], rank: 1 },
  { name: 'b', shape: [7], rank: 1 },
]
const plan = compile(record(readChain('adam(1e-3)'), tensors, { keep: false, stats: false }))
const options = Float64Array.from(plan.options.values())
const want = { dtype: 'F32', of: 'updates' } as const

function input(k: number) {
  const values = Float32Array.from({ length: n + 7 }, (_, i) => Math.sin(k + i))
  const bytes = new Uint8Array(values.buffer)
  const gradients = { dtype: 'F32', parts: [bytes.subarray(0, 4 * n), bytes.subarray(4 * n)] } as const
  return { plan, options, want, gradients }
}

const held = (lease: Lease | undefined) => ({ release: () => lease?.release() })

test('a lease gives back once, when its last holder lets go', () => {
  let given = 0
  const lease = new Lease(() => given++)
  lease.hold()
  lease.release()
  assert.equal(given, 0)
  lease.release()
  assert.equal(given, 1)
  assert.throws(() => lease.release(), /given back/)
  assert.throws(() => lease.hold(), /given back/)
  assert.equal(given, 1)
})

test('wasm: a reply that is held stays as it is through later steps and the end of its session', async () => {
  const engine = wasmEngine({ threads: 2 })
  const replica = await engine.open(plan, { options })
  const first = await replica.step(input(1))
  assert.ok(first.lease !== undefined)
  const copy = Buffer.concat(first.parts ?? [])
  for (const k of [2, 3, 4]) (await replica.step(input(k))).lease?.release()
  replica.close()
  const other = await engine.open(plan, { options })
  await other.step(input(5))
  assert.ok(copy.equals(Buffer.concat(first.parts ?? [])))
  first.lease.release()
  other.close()
  await engine.close()
})

test('wasm: replies that are released take no more memory than one', async () => {
  const engine = wasmEngine({ threads: 2 })
  const replica = await engine.open(plan, { options })
  const sizes: number[] = []
  for (let k = 0; k < 40; k++) {
    const { parts, lease } = await replica.step(input(k))
    sizes.push(parts?.[0]?.buffer.byteLength ?? 0)
    lease?.release()
  }
  assert.equal(sizes[39], sizes[1])
  replica.close()
  await engine.close()
})

test('wasm: a step on memory that was lent is as any other, and leaves no trace of it', async () => {
  const [arena, threads] = [new Arena(), new Threads(1)]
  let left = 0
  const programs = new WasmPrograms(new Modules())
  const make = () =>
    new WasmReplica(plan, arena, 0, programs, threads, new Set(), () => {
      if (arena.taken === 0) left++
    })
  const [plain, lending] = [make(), make()]
  for (const replica of [plain, lending]) await replica.begin({ options })
  const before = arena.taken
  for (const k of [1, 2, 3]) {
    const given = input(k)
    const expected = await plain.step(given)
    const lent = lending.lend(4 * (n + 7))
    assert.ok(lent !== undefined)
    lent.bytes.set(Buffer.concat(given.gradients.parts))
    const parts = [lent.bytes.subarray(0, 4 * n), lent.bytes.subarray(4 * n)]
    // The memory grows in between: what was lent is then part of another buffer.
    const more = arena.take(arena.length)
    assert.ok(more !== undefined)
    const found = await lending.step({ ...given, gradients: { dtype: 'F32', parts } })
    arena.give(more)
    assert.ok(Buffer.concat(found.parts ?? []).equals(Buffer.concat(expected.parts ?? [])), `step ${k}`)
    assert.ok(Buffer.concat(given.gradients.parts).equals(lent.bytes), 'what was lent is not written to')
    for (const { release } of [expected.lease, found.lease, lent.lease].map(held)) release()
    assert.equal(arena.taken, before)
  }
  const last = lending.lend(2 ** 17)
  plain.close()
  lending.close()
  assert.equal(left, 0)
  last?.lease.release()
  assert.equal(left, 1)
  await threads.close()
})

test('wasm: updates are written over gradients that were lent, if nobody else holds them', async () => {
  const [arena, threads, programs] = [new Arena(), new Threads(1), new WasmPrograms(new Modules())]
  const make = () => new WasmReplica(plan, arena, 0, programs, threads, new Set(), () => {})
  const [plain, lending] = [make(), make()]
  for (const replica of [plain, lending]) await replica.begin({ options })
  const before = arena.taken
  for (const k of [1, 2, 3, 4]) {
    const given = input(k)
    const expected = await plain.step(given)
    const lent = lending.lend(4 * (n + 7) + 5)
    assert.ok(lent !== undefined)
    // Of any alignment: what stands before it in a body is of any length.
    const bytes = lent.bytes.subarray(5)
    bytes.set(Buffer.concat(given.gradients.parts))
    const shared = k % 2 === 0
    if (shared) lent.lease.hold()
    const parts = [bytes.subarray(0, 4 * n), bytes.subarray(4 * n)]
    const { lease } = lent
    const found = await lending.step({ ...given, gradients: { dtype: 'F32', parts }, lease })
    assert.equal(found.lease === lease, !shared)
    assert.ok(Buffer.concat(found.parts ?? []).equals(Buffer.concat(expected.parts ?? [])), `step ${k}`)
    assert.equal(Buffer.concat(given.gradients.parts).equals(bytes), shared)
    lease.release()
    if (shared) lease.release()
    // The output holds what it is in.
    assert.ok(Buffer.concat(found.parts ?? []).equals(Buffer.concat(expected.parts ?? [])), `step ${k}`)
    for (const { release } of [expected.lease, found.lease].map(held)) release()
    assert.equal(arena.taken, before)
  }
  plain.close()
  lending.close()
  await threads.close()
})

test('wasm: an arena is left when session and replies are gone, in whatever order', async () => {
  for (const last of ['reply', 'session']) {
    const [arena, threads] = [new Arena(), new Threads(1)]
    let left = 0
    const replica = new WasmReplica(
      plan,
      arena,
      0,
      new WasmPrograms(new Modules()),
      threads,
      new Set(),
      () => {
        if (arena.taken === 0) left++
      },
    )
    await replica.begin({ options })
    const { lease } = await replica.step(input(1))
    const ends = [() => lease?.release(), () => replica.close()]
    for (const end of last === 'reply' ? ends.reverse() : ends) {
      assert.equal(left, 0)
      end()
    }
    assert.equal(left, 1)
    assert.equal(arena.taken, 0)
    await threads.close()
  }
})

test('wasm: where steps to come would lack the room a reply is a copy, and the same', async () => {
  const [arena, threads, programs] = [new Arena(), new Threads(1), new WasmPrograms(new Modules())]
  const found: { readonly bytes: Buffer; readonly leased: boolean }[] = []
  for (const room of [0, 2 ** 32]) {
    const replica = new WasmReplica(plan, arena, room, programs, threads, new Set(), () => {})
    await replica.begin({ options })
    const { parts = [], lease } = await replica.step(input(1))
    found.push({ bytes: Buffer.concat(parts), leased: lease !== undefined })
    lease?.release()
    replica.close()
  }
  const [view, copy] = found
  assert.deepEqual([view?.leased, copy?.leased], [true, false])
  assert.ok(view?.bytes.equals(copy?.bytes ?? Buffer.alloc(0)))
  assert.equal(arena.taken, 0)
  await threads.close()
})

test('wasm: the pieces of one slot are saved alone', async () => {
  const kept = compile(record(readChain('adam(1e-3)'), tensors, { keep: true, stats: false }))
  const engine = wasmEngine({ threads: 1 })
  const { gradients } = input(1)
  const replica = await engine.open(kept, { options, parameters: gradients })
  const params = await replica.save('params')
  assert.ok((await replica.save()).length > params.length)
  assert.ok(Buffer.concat(params.map(({ bytes }) => bytes)).equals(Buffer.concat(gradients.parts)))
  replica.close()
  await engine.close()
})

test('wasm: buffers that stay from step to step are those of some sessions, and change nothing', async () => {
  const few = [{ name: 'w', shape: [5], rank: 1 }]
  const small = compile(record(readChain('adam(1e-3)'), few, { keep: false, stats: false }))
  const engine = wasmEngine({ threads: 1 })
  const gradient = (k: number, session: number) =>
    new Uint8Array(Float32Array.from({ length: 5 }, (_, i) => Math.sin(k + session + i)).buffer)
  const stepsOf = async (count: number) => {
    const replicas = await Promise.all(Array.from({ length: count }, () => engine.open(small, { options })))
    const found: string[] = replicas.map(() => '')
    for (let k = 0; k < 3; k++)
      for (const [i, replica] of replicas.entries()) {
        // Of other number types now and then: other buffers.
        const dtype = k === 1 && i % 3 === 0 ? 'BF16' : 'F32'
        const gradients = { dtype, parts: [gradient(k, i).subarray(0, dtype === 'F32' ? 20 : 10)] } as const
        const { parts } = await replica.step({ plan: small, options, want, gradients })
        found[i] += Buffer.concat(parts ?? []).toString('hex')
      }
    const taken = engine.memoryBytes?.() ?? 0
    for (const replica of replicas) replica.close()
    return { found, taken }
  }
  const alone = await stepsOf(10)
  const many = await stepsOf(600)
  assert.deepEqual(many.found.slice(0, 10), alone.found)
  const again = await stepsOf(600)
  assert.deepEqual(again, many)
  await engine.close()
})
