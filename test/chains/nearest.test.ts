import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nearest } from '../../server/chains/nearest.ts'

const names = [
  'adam',
  'adamw',
  'adamax',
  'adamaxw',
  'adabelief',
  'adafactor',
  'adagrad',
  'amsgrad',
  'add_decayed_weights',
  'add_noise',
  'apply_every',
  'centralize',
  'chain',
  'clip',
  'clip_by_block_rms',
  'clip_by_global_norm',
  'adaptive_grad_clip',
  'constant_schedule',
  'cosine_decay_schedule',
  'cosine_onecycle_schedule',
  'warmup_cosine_decay_schedule',
  'lamb',
  'lion',
  'masked',
  'muon',
  'nadam',
  'rmsprop',
  'scale',
  'scale_by_adam',
  'scale_by_lion',
  'scale_by_rms',
  'scale_by_rss',
  'scale_by_sm3',
  'sgd',
  'sm3',
  'trace',
  'trust_ratio',
]

const cases: readonly (readonly [string, readonly string[]])[] = [
  ['AdamW', ['adamw']],
  ['ADAM', ['adam']],
  ['torch.optim.Adam', ['adam']],
  ['ScaleByAdam', ['scale_by_adam', 'adam']],
  ['scale-by-rms', ['scale_by_rms']],
  ['rms', ['scale_by_rms', 'scale_by_rss', 'rmsprop']],
  ['scale_by_sgd', ['sgd']],
  ['scale_by_muon', ['muon']],
  ['adma', ['adam']],
  ['admaw', ['adamw']],
  ['rmsporp', ['rmsprop']],
  ['centralise', ['centralize']],
  ['clip_norm', ['clip_by_global_norm']],
  ['clip_by_norm', ['clip_by_global_norm']],
  ['global_norm_clip', ['clip_by_global_norm']],
  ['warmup_cosine', ['warmup_cosine_decay_schedule']],
  ['cosine', ['cosine_decay_schedule', 'cosine_onecycle_schedule', 'warmup_cosine_decay_schedule']],
  ['lion_optimizer', ['lion']],
]

for (const [name, expected] of cases)
  test(`${name} is near ${expected}`, () => {
    const found = nearest(name, names)
    assert.deepEqual(found.slice(0, expected.length), expected)
    assert.ok(found.length <= 3)
  })

for (const name of ['', '_', '.', 'q', 'é', 'hessian_free', 'xyzzyxyzzy'])
  test(`nothing is near ${JSON.stringify(name)}`, () => assert.deepEqual(nearest(name, names), []))

test('a limit is kept, and names that mean something to JavaScript are names', () => {
  assert.deepEqual(nearest('adam', names, 1), ['adam'])
  assert.deepEqual(nearest('adam', names, 0), [])
  assert.deepEqual(nearest('adam', []), [])
  assert.deepEqual(nearest('proto', ['__proto__', 'constructor']), ['__proto__'])
  for (const name of ['__proto__', 'constructor', 'toString']) nearest(name, names)
})

test('names of like distance come in the order of the alphabet, whatever the order they were in', () => {
  assert.deepEqual(nearest('adamx', [...names].reverse()), nearest('adamx', names))
})

test('only the first 200 characters of a name count', () => {
  const long = 'adam'.repeat(50)
  assert.deepEqual(nearest(long + 'x'.repeat(1_000_000), [long, 'adam']), [long])
})
