import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compile } from '../../server/compiler/compile.ts'
import { narrow, widen } from '../../server/engines/dtypes.ts'
import { referenceEngine } from '../../server/engines/reference.ts'
import { constant, type Expr, perTensor, scalar, select, zeros } from '../../server/expression/index.ts'
import { transformation } from '../../server/transformations/form/define.ts'
import type { Context, Link } from '../../server/transformations/form/link.ts'
import { trace } from '../../server/transformations/form/record.ts'

type Tensors = Readonly<Record<string, { shape: readonly number[]; g: readonly number[] }>>

const engine = referenceEngine()

/** Run a transformation for some steps on the same gradients; the updates of each step by tensor. */
async function run(link: Link, given: Tensors, steps = 1): Promise<Record<string, number[]>[]> {
  const tensors = Object.entries(given).map(([name, { shape }]) => ({ name, shape, rank: shape.length }))
  const plan = compile(trace(link, tensors, new Map(), { keep: false, stats: false }))
  const options = new Float64Array()
  const replica = await engine.open(plan, { options })
  const parts = Object.values(given).map(({ g }) => narrow(Float64Array.from(g), 'F64'))
  const results: Record<string, number[]>[] = []
  for (let step = 0; step < steps; step++) {
    const gradients = { dtype: 'F64', parts } as const
    const out = await replica.step({ plan, gradients, options, want: { dtype: 'F64', of: 'updates' } })
    const updates = (out.parts ?? []).map((bytes) => [...widen({ dtype: 'F64', bytes })])
    results.push(Object.fromEntries(tensors.map(({ name }, i) => [name, updates[i] ?? []])))
  }
  return results
}

const stateless = (update: (g: Expr, context: Context) => Expr): Link =>
  transformation({
    name: 'probe',
    formula: 'as the test says',
    reference: 'the test',
    update: (g, _options, _state, context) => update(g, context),
  })()

const cube = { shape: [2, 3, 2], g: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] }

test('reductions over any axes are broadcast back', async () => {
  const sums: readonly (readonly [readonly number[], number[]])[] = [
    [[0], [8, 10, 12, 14, 16, 18, 8, 10, 12, 14, 16, 18]],
    [[1], [9, 12, 9, 12, 9, 12, 27, 30, 27, 30, 27, 30]],
    [[2], [3, 3, 7, 7, 11, 11, 15, 15, 19, 19, 23, 23]],
    [
      [0, 2],
      [18, 18, 26, 26, 34, 34, 18, 18, 26, 26, 34, 34],
    ],
    [
      [1, 2],
      [21, 21, 21, 21, 21, 21, 57, 57, 57, 57, 57, 57],
    ],
    [[0, 1, 2], new Array(12).fill(78)],
  ]
  for (const [axes, expected] of sums) {
    const [out] = await run(
      stateless((g) => g.mul(0).add(g.sum(axes))),
      { cube },
    )
    assert.deepEqual(out?.cube, expected, `sum over ${axes}`)
  }
})

test('values over different axes meet in an outer product, and reduce again', async () => {
  const matrix = { shape: [2, 3], g: [1, 2, 3, 4, 5, 6] }
  const outer = (g: Expr) => g.sum([1]).mul(g.sum([0]))
  const [out] = await run(stateless(outer), { matrix })
  assert.deepEqual(out?.matrix, [30, 42, 54, 75, 105, 135])
  // Largest row sum of the outer product: a reduction of a reduction of a reduction.
  const nested = (g: Expr) => g.mul(0).add(outer(g).sum([1]).largest([0]))
  const [deep] = await run(stateless(nested), { matrix })
  assert.deepEqual(deep?.matrix, new Array(6).fill(315))
})

test('means, largest and smallest, of tensors of every rank', async () => {
  const tensors = { scalar: { shape: [], g: [-3] }, vector: { shape: [3], g: [1, -5, 4] }, cube }
  const [out] = await run(
    stateless((g) => g.mul(0).add(g.mean()).add(g.largest().mul(100)).add(g.smallest().mul(10000))),
    tensors,
  )
  assert.equal(out?.scalar?.[0], -3 - 300 - 30000)
  assert.equal(out?.vector?.[0], 0 + 400 - 50000)
  assert.equal(out?.cube?.[0], 6.5 + 1200 + 10000)
})

test('a reduction over the tree joins all tensors that reach its place', async () => {
  const tensors = { a: { shape: [2], g: [3, 0] }, b: { shape: [], g: [4] } }
  const [norm] = await run(
    stateless((g, { tree }) => g.mul(0).add(tree.norm(g))),
    tensors,
  )
  assert.deepEqual(norm, { a: [5, 5], b: [5] })
  // Only vectors take part here: what a tensor does not reach, it is not in.
  const masked = stateless((g, { tree }) =>
    g.rank === 0 ? g : g.mul(0).add(tree.sum(g)).add(tree.largest(g)),
  )
  const [some] = await run(masked, tensors)
  assert.deepEqual(some, { a: [6, 6], b: [4] })
})

test('a norm of what a norm has scaled: stages follow each other', async () => {
  const twice = stateless((g, { tree }) => {
    const unit = g.div(tree.norm(g))
    return unit.div(tree.norm(unit.add(1)))
  })
  const [out] = await run(twice, { a: { shape: [2], g: [3, 0] }, b: { shape: [], g: [4] } })
  const scale = Math.hypot(1.6, 1, 1.8)
  assert.ok(Math.abs((out?.b?.[0] ?? 0) - 0.8 / scale) < 1e-15)
})

test('state of every extent is kept: a session, a tensor, an element', async () => {
  const probe = transformation({
    name: 'probe',
    formula: 'as the test says',
    reference: 'the test',
    state: { seen: scalar(), largest: perTensor(), sum: zeros() },
    update(g, _options, { seen, largest, sum }, { tree }) {
      const all = seen.add(tree.sum(g))
      const top = largest.max(g.largest().add(constant(1)))
      const total = sum.add(g)
      return [total.add(top.mul(100)).add(all.mul(10000)), { seen: all, largest: top, sum: total }]
    },
  })()
  const [, second] = await run(probe, { a: { shape: [2], g: [3, 5] }, b: { shape: [], g: [4] } }, 2)
  assert.deepEqual(second, { a: [6 + 600 + 240000, 10 + 600 + 240000], b: [8 + 500 + 240000] })
})

test('NaN and infinity go through comparisons, extremes and selections as they should', async () => {
  const g = [Number.NaN, Number.POSITIVE_INFINITY, -0, 2]
  const probe = (body: (g: Expr) => Expr) =>
    run(stateless(body), { v: { shape: [4], g } }).then(([out]) => out?.v)
  assert.deepEqual(await probe((x) => x.max(1)), [Number.NaN, Number.POSITIVE_INFINITY, 1, 2])
  assert.deepEqual(await probe((x) => select(x.lt(1), 7, 8)), [8, 8, 7, 8])
  assert.deepEqual(await probe((x) => x.finite()), [0, 0, 1, 1])
  assert.deepEqual(await probe((x) => x.sign()), [Number.NaN, 1, -0, 1])
})
