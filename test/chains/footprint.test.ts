import assert from 'node:assert/strict'
import { test } from 'node:test'
import { footprintOf } from '../../server/chains/footprint.ts'
import { describeCatalogue, readChain, record } from '../../server/chains/index.ts'

const none = { parameter: 0, row: 0, column: 0, tensor: 0, session: 0 }

// As Optax documents them: moments for each parameter, a count, rows and columns where a matrix is factored.
const known = {
  sgd: {},
  adam: { parameter: 2, session: 1 },
  adan: { parameter: 4, session: 1 },
  lbfgs: { parameter: 22, session: 11 },
  sm3: { parameter: 1, row: 1, column: 1 },
  adafactor: { row: 1, column: 1, session: 1 },
  // The projector, and two moments for each number of the projection.
  galore: { row: 128, column: 256, session: 2 },
  novograd: { parameter: 1, tensor: 1, session: 1 },
  reduce_on_plateau: { session: 6 },
}

test('the catalogue says what is kept', () => {
  const found = new Map(describeCatalogue().map(({ name, state }) => [name, state]))
  for (const [name, state] of Object.entries(known))
    assert.deepEqual(found.get(name), { ...none, ...state }, name)
  assert.equal(found.get('constant_schedule'), undefined)
})

test('the catalogue says what a step must come with', () => {
  const needing = (what: 'params' | 'value') =>
    describeCatalogue().flatMap(({ name, needs }) => (needs?.[what] ? [name] : []))
  assert.deepEqual(needing('value'), [
    'momo',
    'momo_adam',
    'reduce_on_plateau',
    'scale_by_polyak',
    'polyak_sgd',
  ])
  const params = needing('params')
  for (const name of ['adamw', 'lamb', 'projection_box', 'schedule_free', 'lookahead'])
    assert.ok(params.includes(name), name)
  for (const name of ['adam', 'rmsprop', 'clip', 'chain', 'masked']) assert.ok(!params.includes(name), name)
})

test('BF16 numbers are half a number', () => {
  const matrix = { name: 'w', shape: [4, 3], rank: 2 }
  const trace = record(readChain('chain(adam(0.1, mu_dtype="bfloat16"), ema(0.9))'), [matrix], {
    keep: false,
    stats: false,
  })
  assert.deepEqual(footprintOf(trace).state, { ...none, parameter: 2.5, session: 2 })
})
