import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { readChain, record } from '../../server/chains/index.ts'
import { compile } from '../../server/compiler/compile.ts'
import { printPlan } from '../../server/compiler/print.ts'
import { narrow, widen } from '../../server/engines/dtypes.ts'
import { type Engine, type Replica, savedState } from '../../server/engines/engine.ts'
import { referenceEngine } from '../../server/engines/reference.ts'
import { missing } from '../../server/engines/tensorflow/addon.ts'
import { tensorflowEngine } from '../../server/engines/tensorflow/engine.ts'
import { wasmEngine } from '../../server/engines/wasm/engine.ts'
import {
  constant,
  type Expr,
  overAxes,
  perTensor,
  type Slot,
  select,
  zeros,
} from '../../server/expression/index.ts'
import { transformation } from '../../server/transformations/form/define.ts'
import type { Link } from '../../server/transformations/form/link.ts'
import { trace } from '../../server/transformations/form/record.ts'

const shapes: readonly (readonly number[])[] = [
  [],
  [1],
  [5],
  [3, 7],
  [7, 1],
  [1, 9],
  [130, 67],
  [2, 3, 5],
  [4, 1, 6],
  [9, 8, 33],
  [2, 1, 3, 4],
  [3, 5, 2, 17],
]

const tensors = shapes.map((shape) => ({ name: `t${shape.join('x')}`, shape, rank: shape.length }))

/** Every set of axes but none of them and all. */
const subsets = (rank: number): number[][] =>
  Array.from({ length: Math.max(0, 2 ** rank - 2) }, (_, bits) =>
    Array.from({ length: rank }, (_, axis) => axis).filter((axis) => ((bits + 1) >> axis) & 1),
  )

const gradientsOf = (seed: number) => ({
  dtype: 'F32' as const,
  parts: tensors.map(({ shape }, k) => {
    const size = shape.reduce((n, d) => n * d, 1)
    const wave = (_: unknown, i: number) => Math.sin(i * 1.7 + k + seed * 0.3) + ((i * 7919 + seed) % 13) / 4
    return narrow(Float64Array.from({ length: size }, wave), 'F32')
  }),
})

const planOf = (link: Link) => compile(trace(link, tensors, new Map(), { keep: false, stats: false }))

const words = { name: 'probe', formula: 'as the test says', reference: 'the test' }
const stateless = (update: (g: Expr, rank: number) => Expr): Link =>
  transformation({ ...words, update: (g) => update(g, g.rank) })()

const options = new Float64Array()
const want = { dtype: 'F32', of: 'updates' } as const

async function step(
  replica: Replica,
  plan: ReturnType<typeof planOf>,
  seed: number,
): Promise<Float64Array[]> {
  const { parts = [] } = await replica.step({ plan, options, gradients: gradientsOf(seed), want })
  return parts.map((bytes) => widen({ dtype: 'F32', bytes }))
}

/** ‖a − b‖ / ‖b‖. */
const distance = (a: Float64Array, b: Float64Array) =>
  Math.hypot(...a.map((x, i) => x - (b[i] ?? Number.NaN))) / (Math.hypot(...b) || 1)

function near(ours: readonly Float64Array[], right: readonly Float64Array[], what: string): void {
  right.forEach((expected, i) => {
    const off = distance(ours[i] ?? new Float64Array(), expected)
    assert.ok(off <= 2e-6, `${what}, shape [${shapes[i]}]: off by ${off} of the update's norm`)
  })
}

/** State over each axis, over pairs of them, of the tensor and of the elements, each read by the others. */
const stateful = transformation({
  ...words,
  state: (_options, { rank }): { all: Slot; each: Slot; [axis: string]: Slot } => ({
    all: perTensor(1),
    each: zeros(),
    ...Object.fromEntries(subsets(rank).map((kept) => [`over_${kept.join('_')}`, overAxes(kept, 0.5)])),
  }),
  update(g, _options, { all, each, ...over }) {
    const axes = Array.from({ length: g.rank }, (_, axis) => axis)
    const vectors = Object.entries(over) as [string, Expr][]
    const next = vectors.map(([name, v]): [string, Expr] => {
      const gone = axes.filter((axis) => !v.kept.includes(axis))
      return [name, v.mul(0.9).add(g.mean(gone)).add(all.mul(0.01))]
    })
    const scale = next.reduce((sum: Expr, [, v]) => sum.add(v.abs()), constant(1))
    const u = g.div(scale).add(each)
    return [u, { all: all.add(u.square().mean()), each: each.mul(0.5).add(u), ...Object.fromEntries(next) }]
  },
})()

const probes: Readonly<Record<string, Link>> = {
  'outer products of what two reductions kept': stateless((g, rank) =>
    rank < 2
      ? g
      : g
          .mean([0])
          .mul(g.largest([rank - 1]))
          .add(g),
  ),
  'a reduction of a reduction of a reduction': stateless((g, rank) =>
    rank < 3
      ? g
      : g.mul(
          g
            .sum([0])
            .largest([1])
            .mean([rank - 1]),
        ),
  ),
  'an update that varies over some axes only': stateless((g, rank) => (rank < 2 ? g : g.smallest([0]))),
  'rows in the pass, then other axes': stateless((g, rank) => {
    if (rank < 2) return g
    const centered = g.sub(g.mean('rows'))
    return centered.div(centered.square().mean([0]).add(1)).sub(centered.mean('rows'))
  }),
  'rows that the host needs too': stateless((g, rank) => {
    if (rank < 2) return g
    const row = g.mean('rows')
    return g.sub(row).div(row.largest([0]).abs().add(1))
  }),
  'a choice by row, elements and columns': stateless((g, rank) =>
    rank < 2 ? g : select(g.mean('rows').lt(g.mean()), g.mul(2), g.sub(g.mean([0]))),
  ),
}

function testAxes(name: string, open: () => Promise<Engine>): void {
  describe(`axes: ${name}`, () => {
    let engine: Engine
    before(async () => {
      engine = await open()
    })
    after(() => engine.close())
    const reference = referenceEngine()

    const agree = async (link: Link, what: string, steps = 1) => {
      const plan = planOf(link)
      const [ours, right] = await Promise.all([engine, reference].map((one) => one.open(plan, { options })))
      for (let seed = 1; ours !== undefined && right !== undefined && seed <= steps; seed++)
        near(await step(ours, plan, seed), await step(right, plan, seed), `${what}, step ${seed}`)
      ours?.close()
      right?.close()
    }

    for (const how of ['mean', 'largest', 'smallest'] as const)
      test(`${how} over every set of axes of every rank, beside the elements`, () =>
        agree(
          stateless((g, rank) => subsets(rank).reduce((sum, axes, k) => sum.add(g[how](axes).mul(k + 1)), g)),
          how,
        ))

    for (const [what, link] of Object.entries(probes)) test(what, () => agree(link, what))

    test('state over axes, for three steps', () => agree(stateful, 'state', 3))

    test('state over axes saved and opened again goes on with the same bytes', async () => {
      const plan = planOf(stateful)
      const one = await engine.open(plan, { options })
      await step(one, plan, 1)
      const two = await engine.open(plan, { saved: savedState(await one.save()) })
      assert.deepEqual(await step(one, plan, 2), await step(two, plan, 2))
      assert.deepEqual(await one.save(), await two.save())
      one.close()
      two.close()
    })

    test('state that the reference engine saved goes on here', async () => {
      const plan = planOf(stateful)
      const theirs = await reference.open(plan, { options })
      await step(theirs, plan, 1)
      const ours = await engine.open(plan, { saved: savedState(await theirs.save()) })
      near(await step(ours, plan, 2), await step(theirs, plan, 2), 'step 2')
      ours.close()
      theirs.close()
    })
  })
}

testAxes('wasm', async () => wasmEngine({ threads: 2 }))
const lacking = missing()
if (lacking !== undefined) test('axes: tensorflow', { skip: lacking }, () => {})
else testAxes('tensorflow', () => tensorflowEngine({ threads: 2 }))

test('wasm: the same bytes over axes whatever the number of threads', async () => {
  const large = [{ name: 'w', shape: [700, 301], rank: 2 }]
  const plan = compile(trace(stateful, large, new Map(), { keep: false, stats: false }))
  const values = Float32Array.from({ length: 210_700 }, (_, i) => Math.sin(i) * 3)
  const gradients = { dtype: 'F32', parts: [new Uint8Array(values.buffer)] } as const
  const results = await Promise.all(
    [1, 2, 3].map(async (threads) => {
      const engine = wasmEngine({ threads })
      const replica = await engine.open(plan, { options })
      await replica.step({ plan, options, gradients })
      const { parts = [] } = await replica.step({ plan, options, gradients, want })
      const copy = Buffer.concat(parts)
      const saved = Buffer.concat((await replica.save()).map(({ bytes }) => bytes))
      replica.close()
      await engine.close()
      return [copy, saved]
    }),
  )
  assert.deepEqual(results[1], results[0])
  assert.deepEqual(results[2], results[0])
})

test('only what the host needs of rows leaves the pass', () => {
  const text = (link: Link) =>
    printPlan(
      compile(trace(link, [{ name: 'w', shape: [3, 4], rank: 2 }], new Map(), { keep: false, stats: false })),
    )
  const centered = text(stateless((g) => g.sub(g.mean('rows'))))
  assert.match(centered, /r0 = sum over the row of gradient/)
  assert.doesNotMatch(centered, /stage 1/)
  const largest = text(stateless((g) => g.sub(g.mean('rows')).div(g.mean('rows').largest([0]))))
  assert.match(largest, /v0 = sum over the row of gradient/)
  assert.match(largest, /t\d+ = max over axes 0 of v\d+/)
})

test('a slot over axes cannot become what varies over more of them', () => {
  const wrong = transformation({
    ...words,
    state: { v: overAxes([0]) },
    update: (g, _options, { v }) => [g, { v: v.add(g.mean([0])) }],
  })()
  const matrix = [{ name: 'w', shape: [3, 4], rank: 2 }]
  assert.throws(
    () => compile(trace(wrong, matrix, new Map(), { keep: false, stats: false })),
    /slot probe\.v keeps the axes \[0\] and becomes a value of extent element/,
  )
})

test('axes that a tensor does not have are refused when the chain is recorded', () => {
  const refused = (chain: string, shape: readonly number[]) => () =>
    record(readChain(chain), [{ name: 'x', shape, rank: shape.length }], { keep: false, stats: false })
  assert.throws(refused('adaptive_grad_clip(0.1, axis=1)', [3]), /x of rank 1 has no axis 1/)
  assert.throws(refused('adaptive_grad_clip(0.1, axis=(0, -2))', [3, 4]), /are not different/)
  assert.throws(
    refused('adaptive_grad_clip(0.1)', [2, 2, 2, 2, 2, 2]),
    /what a unit is in the tensor x of rank 6/,
  )
})
