import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readChain, record } from '../../server/chains/index.ts'
import { compile } from '../../server/compiler/compile.ts'
import { pieceName } from '../../server/compiler/plan.ts'

const tensors = [
  { name: 's', shape: [], rank: 0 },
  { name: 'v', shape: [5], rank: 1 },
  { name: 'm', shape: [3, 7], rank: 2 },
  { name: 'c', shape: [2, 3, 5], rank: 3 },
]

const planOf = (chain: string, { keep = false, stats = false, of = tensors } = {}) =>
  compile(record(readChain(chain), of, { keep, stats }))

test('tensors that a chain treats alike share a program, whatever their rank', () => {
  const groups = (chain: string) => planOf(chain).groups.map((group) => group.tensors)
  assert.deepEqual(groups('adam(1e-3)'), [[0, 1, 2, 3]])
  assert.deepEqual(groups('clip_by_global_norm(1.0)'), [[0, 1, 2, 3]])
  assert.deepEqual(groups('chain(centralize(), adam(1e-3))'), [
    [0, 1],
    [2, 3],
  ])
})

test('a reduction ends a stage, and nothing else does', () => {
  const sweeps = (chain: string) => planOf(chain).stages.map(({ passes }) => passes.length)
  assert.deepEqual(sweeps('adamw(1e-3)'), [1])
  assert.deepEqual(sweeps('chain(clip(1.0), adam(1e-3), scale(2.0))'), [1])
  assert.deepEqual(sweeps('chain(clip_by_global_norm(1.0), adam(1e-3))'), [1, 1])
  assert.deepEqual(sweeps('chain(clip_by_global_norm(1.0), clip_by_global_norm(0.5))'), [1, 1, 1])
  // Rows are reduced within a pass, which reads each row twice. Vectors have none.
  assert.deepEqual(sweeps('centralize()'), [2])
  const phases = planOf('chain(centralize(), clip_by_global_norm(1.0), centralize())').stages.map(
    ({ passes }) => passes.map((pass) => pass.phases.length),
  )
  assert.deepEqual(phases, [
    [1, 2],
    [1, 2],
  ])
})

test('state is written in the last pass of a tensor only', () => {
  const { stages } = planOf('chain(adam(1e-3), clip_by_global_norm(1.0))')
  assert.deepEqual(
    stages.map(({ passes }) => passes.flatMap(({ phases }) => phases.map(({ stores }) => stores.length))),
    [[0], [2]],
  )
})

test('common subexpressions are computed once', () => {
  const [stage] = planOf('chain(clip(1.0), adam(1e-3))').stages
  const program = stage?.passes[0]?.phases[0]?.program ?? []
  assert.equal(program.filter(({ node }) => node.op === 'gradient').length, 1)
  assert.equal(program.filter(({ node }) => node.op === 'min').length, 1)
  assert.equal(stage?.scalars.filter(({ value }) => value.node.op === 'powi').length, 2)
})

test('no number and no size shapes a plan', () => {
  const shape = (chain: string, of = tensors) => {
    const plan = planOf(chain, { of })
    const show = ({ value }: { value: { node: object } }) => JSON.stringify(value.node)
    return plan.stages.map(({ scalars, passes }) => [
      scalars.map(show),
      passes.map(({ phases }) =>
        phases.map(({ program }) => program.map(({ node }) => JSON.stringify(node))),
      ),
    ])
  }
  const one = shape('chain(clip(1.0), centralize(), adam(1e-3, b1=0.8))')
  assert.deepEqual(shape('chain(clip(9.0), centralize(), adam(5.0))'), one)
  const larger = tensors.map(({ name, shape: s, rank }) => ({ name, rank, shape: s.map((d) => d * 3) }))
  assert.deepEqual(shape('chain(clip(1.0), centralize(), adam(1e-3))', larger), one)
  assert.deepEqual(shape('galore(9.0, 2, scale=0.5)', larger), shape('galore(0.1, 1)'))
})

test('tensors that are made of others follow those of the session, a group for each that follows one', () => {
  const of = [...tensors, { name: 'n', shape: [2, 9], rank: 2 }, { name: 'tall', shape: [7, 3], rank: 2 }]
  const plan = planOf('chain(clip(1.0), galore(1e-3, 2, base_optimizer=sm3(1.0)))', { of, keep: true })
  assert.equal(plan.declared, 6)
  assert.deepEqual(
    plan.tensors.slice(6).map(({ name, at, shape }) => [name, at, shape]),
    [
      ['m', '1.scale_by_galore.projector', [7, 2]],
      ['m', '1.inner', [3, 2]],
      ['n', '1.scale_by_galore.projector', [9, 2]],
      ['n', '1.inner', [2, 2]],
      ['tall', '1.scale_by_galore.projector', [7, 2]],
      ['tall', '1.inner', [2, 3]],
    ],
  )
  assert.deepEqual(
    plan.groups.map((group) => group.tensors),
    [[0], [1], [2, 4], [6, 8], [7, 9], [3], [5], [10], [11]],
  )
  const sizes = new Map(plan.state.map((piece) => [pieceName(plan, piece), piece.size]))
  const own = {
    '1.inner.scale_by_sm3.mu_0/m': 3,
    '1.inner.scale_by_sm3.mu_1/m': 2,
    '1.inner.scale_by_sm3.nu/m': 6,
    '1.scale_by_galore.projector/m': 14,
    'params/m': 21,
  }
  for (const [name, size] of Object.entries(own)) assert.equal(sizes.get(name), size, name)
  assert.equal([...sizes.keys()].filter((name) => name.endsWith('/m')).length, 5)
})

test('state is named by its place in the chain, its transformation and its slot', () => {
  const of = tensors.slice(1, 3)
  const plan = planOf('chain(clip(1.0), adamw(linear_schedule(1, 0, 9)))', { keep: true, of })
  assert.deepEqual(
    plan.state.map((piece) => pieceName(plan, piece)),
    [
      '1.scale_by_adam.count',
      '1.scale_by_adam.mu/v',
      '1.scale_by_adam.mu/m',
      '1.scale_by_adam.nu/v',
      '1.scale_by_adam.nu/m',
      '1.scale_by_learning_rate.count',
      'params/v',
      'params/m',
    ],
  )
  assert.deepEqual(
    [...plan.options.keys()],
    ['0.max_delta', '1.b1', '1.b2', '1.eps', '1.eps_root', '1.weight_decay'],
  )
})

test('a plan tells what a chain needs', () => {
  assert.deepEqual(planOf('adam(1e-3)').needs, { parameters: false, loss: false })
  assert.deepEqual(planOf('adamw(1e-3)').needs, { parameters: true, loss: false })
  assert.deepEqual(planOf('adamw(1e-3)', { keep: true }).needs, { parameters: false, loss: false })
})

test('measuring changes nothing of the state', () => {
  const [plain, measured] = [planOf('adam(1e-3)'), planOf('adam(1e-3)', { stats: true })]
  const names = (plan: typeof plain) => plan.state.map((piece) => pieceName(plan, piece))
  assert.deepEqual(names(measured), names(plain))
  assert.deepEqual([...measured.exposed.keys()].sort(), [
    'grad_norm',
    'nonfinite',
    'scale_by_learning_rate.learning_rate',
    'update_norm',
  ])
})
