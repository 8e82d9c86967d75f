import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '../../schemas/errors.ts'
import { catalogue, readChain, record } from '../../server/chains/index.ts'
import { drawCase } from './case.ts'

const cases = Array.from({ length: 1500 }, (_, index) => drawCase(1, index))

test('every name of the catalogue is drawn', () => {
  const text = cases.map(({ chain }) => chain).join('\n')
  const missing = [...catalogue.keys()].filter((name) => !new RegExp(`\\b${name}\\(`).test(text))
  assert.deepEqual(missing, [])
})

test('chains that are drawn can be recorded for their tensors, but for a few that are refused', () => {
  let refused = 0
  for (const { index, chain, inputs } of cases) {
    const tensors = inputs.tensors.map(({ name, shape }) => ({ name, shape, rank: shape.length }))
    try {
      record(readChain(chain), tensors, { keep: false, stats: false })
    } catch (error) {
      assert.ok(error instanceof Problem && error.code === 'bad_option', `${index}: ${chain}: ${error}`)
      refused++
    }
  }
  assert.ok(refused < cases.length / 10, `${refused} of ${cases.length}`)
})

test('the same seed and index give the same chain, others another', () => {
  assert.deepEqual(drawCase(1, 7), cases[7])
  assert.notDeepEqual(drawCase(2, 7).chain, cases[7]?.chain)
  assert.equal(new Set(cases.map(({ chain }) => chain)).size > cases.length / 2, true)
})

test('inputs are exact in float32', () => {
  for (const { inputs } of cases.slice(0, 100))
    for (const values of [inputs.params, ...inputs.gradients])
      assert.ok(values.every((x) => Object.is(Math.fround(x), x)))
})
