import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { readChain, record } from '../../server/chains/index.ts'
import { compile } from '../../server/compiler/compile.ts'
import { narrow, widen } from '../../server/engines/dtypes.ts'
import type { Engine } from '../../server/engines/engine.ts'
import { referenceEngine } from '../../server/engines/reference.ts'
import { wasmEngine } from '../../server/engines/wasm/engine.ts'

const wasm = wasmEngine({ threads: 1 })
after(() => wasm.close())

/** What a projection makes of parameters that no update moves. */
async function project(engine: Engine, chain: string, values: Float64Array, dtype: 'F32' | 'F64') {
  const cut = Math.ceil(values.length / 3)
  const parts = [values.subarray(0, cut), values.subarray(cut)].filter(({ length }) => length > 0)
  const tensors = parts.map(({ length }, i) => ({ name: `w${i}`, shape: [length], rank: 1 }))
  const plan = compile(record(readChain(chain), tensors, { keep: true, stats: false }))
  const packed = (arrays: readonly Float64Array[]) => ({ dtype, parts: arrays.map((a) => narrow(a, dtype)) })
  const options = Float64Array.from(plan.options.values())
  const replica = await engine.open(plan, { options, parameters: packed(parts) })
  await replica.step({
    plan,
    options,
    gradients: packed(parts.map(({ length }) => new Float64Array(length))),
  })
  const saved = await replica.save('params')
  replica.close()
  return Float64Array.from(saved.flatMap((piece) => [...widen(piece)]))
}

/** By sorting, as Duchi et al. have it. */
function sorted(values: Float64Array, scale: number): Float64Array {
  let [sum, tau] = [0, 0]
  for (const [i, x] of values.toSorted((a, b) => b - a).entries()) {
    sum += x
    if (x - (sum - scale) / (i + 1) > 0) tau = (sum - scale) / (i + 1)
  }
  return values.map((x) => Math.max(x - tau, 0))
}

let seed = 7
const random = () => {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
  return Math.fround(seed / 2 ** 32 - 0.5)
}
const draw = (length: number, f: (i: number) => number) =>
  Float64Array.from({ length }, (_, i) => Math.fround(f(i)))

const cases: Readonly<Record<string, readonly [values: Float64Array, scale: number]>> = {
  'one element': [draw(1, () => -3), 2],
  'all equal': [draw(10, () => 0.25), 1],
  'many equal at the threshold': [draw(1000, (i) => (i < 10 ? 1 : 0.9)), 1],
  'nothing above but one': [draw(50, (i) => (i === 17 ? 100 : i / 50)), 1],
  'all above': [draw(300, () => 5 + random() / 1000), 600],
  'of all sizes': [draw(400, () => random() * 10 ** (12 * random())), 3],
  'a small scale': [draw(500, () => random()), 1e-6],
  'a large scale': [draw(500, () => random()), 1e6],
  normal: [draw(5000, () => random() + random() + random()), 1],
}

for (const [name, [values, scale]] of Object.entries(cases)) {
  const expected = sorted(values, scale)
  for (const [engine, dtype, tolerance] of [
    [referenceEngine(), 'F64', 1e-14],
    [wasm, 'F32', 1e-6],
  ] as const) {
    // To the rounding of what is subtracted from: the largest parameter may be far above what is left of it.
    const allowed = tolerance * Math.max(scale, ...values.map(Math.abs))
    test(`onto the simplex as by sorting, ${engine.name}: ${name}`, async () => {
      const found = await project(engine, `projection_simplex(${scale})`, values, dtype)
      const off = Math.max(...found.map((x, i) => Math.abs(x - (expected[i] ?? Number.NaN))))
      assert.ok(off <= allowed, `${off} off, allowed ${allowed}`)
      assert.ok(found.every((x) => x >= 0))
    })

    test(`onto the l1 ball as by sorting, ${engine.name}: ${name}`, async () => {
      const within = values.reduce((sum, x) => sum + Math.abs(x), 0) <= scale
      const sphere = sorted(values.map(Math.abs), scale)
      const target = within ? values : values.map((x, i) => Math.sign(x) * (sphere[i] ?? Number.NaN))
      const found = await project(engine, `projection_l1_ball(${scale})`, values, dtype)
      const off = Math.max(...found.map((x, i) => Math.abs(x - (target[i] ?? Number.NaN))))
      assert.ok(off <= (within ? 0 : allowed), `${off} off, allowed ${allowed}`)
    })
  }
}

test('kept parameters are exactly 0 where a projection makes them so', async () => {
  const values = draw(999, random)
  for (const chain of ['projection_non_negative()', 'projection_box(0.0, 0.25)', 'projection_simplex(4.0)']) {
    const found = await project(wasm, chain, values, 'F32')
    assert.ok(found.every((x) => x >= 0) && found.filter((x) => x === 0).length > 400, chain)
  }
})
