import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonical, readChain, record } from '../../server/chains/index.ts'

/** Number types, lists, mappings and words as options, and the one text that they come to. */
const accepted: readonly (readonly [string, string])[] = [
  [
    'sgd(piecewise_constant_schedule(0.1, {20: 0.5, 3: 0.1}))',
    'sgd(learning_rate=piecewise_constant_schedule(init_value=0.1, boundaries_and_scales={3: 0.1, 20: 0.5}))',
  ],
  [
    'sgd(piecewise_constant_schedule(0.1, {}))',
    'sgd(learning_rate=piecewise_constant_schedule(init_value=0.1))',
  ],
  [
    'sgd(join_schedules((constant_schedule(0.1), constant_schedule(0.2)), (5,)))',
    'sgd(learning_rate=join_schedules(schedules=[constant_schedule(value=0.1), constant_schedule(value=0.2)], boundaries=[5]))',
  ],
  [
    'sgd(sgdr_schedule([{"decay_steps": 9, "init_value": 0, "peak_value": 1, "warmup_steps": 3, "end_value": 0.0}]))',
    'sgd(learning_rate=sgdr_schedule(cosine_kwargs=[{"init_value": 0, "peak_value": 1, "warmup_steps": 3, "decay_steps": 9}]))',
  ],
  ['adam(0.1, mu_dtype="float32")', 'adam(learning_rate=0.1)'],
  ['adam(0.1, mu_dtype=jnp.bfloat16)', 'adam(learning_rate=0.1, mu_dtype="bfloat16")'],
  ['prodigy(betas=(0.9, 0.999))', 'prodigy()'],
  ['prodigy(1.0, (0.8, 0.99))', 'prodigy(betas=[0.8, 0.99])'],
  ['dog(init_step=("distance", 0.1))', 'dog(init_step=["distance", 0.1])'],
  ['dowg(init_estim_sq_dist=None)', 'dowg()'],
]

for (const [text, plain] of accepted) {
  test(`${text} is one chain in every form`, () => {
    assert.equal(canonical(text), plain)
    assert.equal(canonical(plain), plain)
  })
}

test('a tree may hold the same, its keys as strings', () => {
  const schedule = {
    name: 'piecewise_constant_schedule',
    args: { init_value: 0.1, boundaries_and_scales: { '20': 0.5, '3': 0.1 } },
  }
  assert.equal(canonical({ name: 'sgd', args: { learning_rate: schedule } }), accepted[0]?.[1])
})

const cycle = '"init_value": 0, "peak_value": 1, "warmup_steps": 3'
const many = Array.from({ length: 257 }, (_, i) => i + 1)

const refused: readonly (readonly [string, RegExp])[] = [
  ['sgd(piecewise_constant_schedule(0.1, [3]))', /expected a mapping of at most 256 steps .*found a list/],
  ['sgd(piecewise_constant_schedule(0.1, {"x": 0.5}))', /x is not one of a step to a scale/],
  ['sgd(piecewise_constant_schedule(0.1, {3: -0.5}))', /3 is not one of a step to a scale ≥ 0/],
  [`sgd(piecewise_constant_schedule(0.1, {${many.map((i) => `${i}: 0.5`)}}))`, /at most 256 steps/],
  ['sgd(piecewise_interpolate_schedule("cubic", 0.1))', /expected "linear" or "cosine"/],
  ['sgd(linear_onecycle_schedule(100, 0.1, 1.5))', /pct_start .*from 0 to 1/],
  ['sgd(linear_onecycle_schedule(100, 0.1, div_factor=0.0))', /div_factor is 0 .*above 0/],
  [
    'sgd(cosine_onecycle_schedule(100, 0.1, final_div_factor=-1.0))',
    /final_div_factor -1, expected both above 0/,
  ],
  ['sgd(join_schedules([], []))', /expected at least one schedule/],
  ['sgd(join_schedules([0.1], []))', /item 0: expected a schedule/],
  ['sgd(join_schedules([clip(1.0)], []))', /clip is a transformation, no schedule/],
  ['sgd(join_schedules([constant_schedule(0.1)], [5]))', /boundaries has 1 items, expected 0/],
  ['sgd(join_schedules([constant_schedule(0.1)], 5))', /expected a list of at most 256 × integer/],
  [
    'sgd(join_schedules([constant_schedule(0.1), constant_schedule(0.1)], [0.5]))',
    /item 0: expected an integer/,
  ],
  [`sgd(join_schedules([constant_schedule(0.1)], [${many}]))`, /at most 256/],
  ['sgd(sgdr_schedule([]))', /expected at least one/],
  ['sgd(sgdr_schedule([3]))', /item 0: expected a mapping of init_value/],
  [`sgd(sgdr_schedule([{${cycle}}]))`, /item 0: it has no decay_steps/],
  [`sgd(sgdr_schedule([{${cycle}, "decay_steps": 9, "alpha": 0.1}]))`, /item 0: it has alpha/],
  [`sgd(sgdr_schedule([{${cycle}, "decay_steps": 0.5}]))`, /item 0: decay_steps: expected an integer/],
  [
    `sgd(sgdr_schedule([{${cycle}, "decay_steps": 2}]))`,
    /item 0: decay_steps is 2, expected more than warmup_steps/,
  ],
  ['prodigy(betas=0.9)', /betas .*expected two values/],
  ['prodigy(betas=(0.9, "x"))', /item 1: expected a number/],
  ['sgd(0.1, "x")', /expected a number or None, found the string/],
  ['sgd(exponential_decay(0.1, 5, 0.5, end_value=True))', /expected a number or None, found True/],
  ['dog(init_step=("far", 0.1))', /item 0: expected "distance" or "learning_rate" or "heuristic"/],
  ['reduce_on_plateau(factor=1.0)', /factor is 1, expected a number between 0 and 1/],
  ['reduce_on_plateau(rtol=2.0)', /rtol is 2, expected a number from 0 to 1/],
  ['reduce_on_plateau(rtol=0.0)', /expected one of them above 0/],
  ['lbfgs(0.1)', /needs linesearch/],
  [
    'lbfgs(0.1, linesearch="zoom")',
    /only the client can; expected None, and a learning_rate, found the string/,
  ],
  ['lbfgs(0.1, linesearch=scale_by_zoom_linesearch(20))', /scale_by_zoom_linesearch, .* only the client can/],
  ['scale_by_lbfgs(65)', /memory_size .*expected an integer from 1 to 64/],
  ['projection_halfspace(1.0)', /a vector as large as all parameters/],
]

for (const [text, says] of refused) {
  test(`refused: ${text.slice(0, 90)}`, () => {
    assert.throws(
      () => readChain(text),
      (error: unknown) => {
        assert.match(String(error), says)
        return true
      },
    )
  })
}

test('the items of a list change between steps by their place in it', () => {
  const tensors = [{ name: 'w', shape: [2], rank: 1 }]
  const { options } = record(readChain('chain(clip(1.0), prodigy(betas=(0.8, 0.99)))'), tensors, {
    keep: false,
    stats: false,
  })
  assert.equal(options.get('1.betas[0]'), 0.8)
  assert.equal(options.get('1.betas[1]'), 0.99)
})
