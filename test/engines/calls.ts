import { type Catalogued, catalogue } from '../../server/chains/catalogue.ts'
import { cosine, type Minimizing, minimizing } from './minimizing.ts'

/** One entry of the catalogue, as the properties of all of them are tested. */
export interface Row {
  readonly entry: Catalogued
  /** A chain that makes use of it. */
  readonly chain: string
  readonly minimizes: Minimizing
}

const both = (call: string) => [call, call] as const

/** For each optimizer, what minimizes the quadratic function and what Rosenbrock's. */
const optimizers: Readonly<Record<string, readonly [quadratic: string, rosenbrock: string]>> = {
  acprop: ['acprop(0.1)', 'acprop(0.01)'],
  adabelief: both('adabelief(0.1)'),
  adadelta: ['adadelta(1.0, eps=1e-2)', `adadelta(${cosine(3, 1500)})`],
  adafactor: ['adafactor(0.1)', `adafactor(${cosine(0.03, 1500)})`],
  adagrad: ['adagrad(1.0)', 'adagrad(0.3)'],
  adam: both('adam(0.1)'),
  adamax: ['adamax(0.3)', 'adamax(0.1)'],
  adamaxw: ['adamaxw(0.3)', 'adamaxw(0.1)'],
  adamw: both('adamw(0.1)'),
  adan: ['adan(1.0)', 'adan(0.1)'],
  ademamix: ['ademamix(1.0)', 'ademamix(0.1)'],
  adopt: both('adopt(0.3)'),
  amsgrad: both('amsgrad(0.3)'),
  cocob: ['cocob(0.1)', 'cocob(1.0, alpha=10.0)'],
  dadapt_adamw: both('dadapt_adamw(0.3)'),
  dog: both('dog(1.0)'),
  dowg: both('dowg(0.3)'),
  fromage: [`fromage(${cosine(0.1)})`, `fromage(${cosine(0.1, 1500)})`],
  galore: [
    "galore(0.1, 2, 10, weight_dimension_numbers={'ndim(4)': ((0, 1, 2), 3), '**': None})",
    'galore(0.1)',
  ],
  lamb: [`lamb(${cosine(0.1)})`, `lamb(${cosine(0.1, 1500)})`],
  lars: ['lars(1.0)', 'lars(0.3)'],
  lbfgs: both('lbfgs(0.1, linesearch=None)'),
  lion: [`lion(${cosine(0.3)})`, `lion(${cosine(0.1, 1500)})`],
  madgrad: ['madgrad(0.1)', `madgrad(${cosine(0.1, 1500)})`],
  momo: both('momo(0.1)'),
  momo_adam: both('momo_adam(0.1)'),
  muon: [`muon(${cosine(0.3)})`, 'muon(0.1)'],
  nadam: both('nadam(0.1)'),
  nadamw: both('nadamw(0.1)'),
  noisy_sgd: ['noisy_sgd(0.1)', 'noisy_sgd(0.001)'],
  novograd: [`novograd(${cosine(0.1)})`, `novograd(${cosine(0.1, 1500)})`],
  optimistic_adam: ['optimistic_adam(0.1)', 'optimistic_adam(0.01)'],
  optimistic_adam_v2: ['optimistic_adam_v2(0.1)', `optimistic_adam_v2(${cosine(0.1, 1500)})`],
  optimistic_gradient_descent: ['optimistic_gradient_descent(0.1)', 'optimistic_gradient_descent(0.001)'],
  polyak_sgd: both('polyak_sgd(0.1)'),
  prodigy: both('prodigy(0.1)'),
  radam: ['radam(0.3)', 'radam(0.01, b2=0.9)'],
  rmsprop: [`rmsprop(${cosine(0.1)})`, `rmsprop(${cosine(0.01, 1500)})`],
  rprop: ['rprop(0.1)', 'rprop(0.01)'],
  schedule_free_adamw: ['schedule_free_adamw(1.0)', 'schedule_free_adamw(0.1)'],
  schedule_free_sgd: ['schedule_free_sgd(0.1)', 'schedule_free_sgd(0.01)'],
  sgd: ['sgd(0.1)', 'sgd(0.001)'],
  sign_sgd: [`sign_sgd(${cosine(0.1)})`, `sign_sgd(${cosine(1, 1500)})`],
  signum: [`signum(${cosine(0.1)})`, `signum(${cosine(0.03, 1500)})`],
  simplified_ademamix: ['simplified_ademamix(0.1, b1=0.9)', `simplified_ademamix(${cosine(0.01, 1500)})`],
  sm3: both('sm3(1.0)'),
  yogi: both('yogi(0.1)'),
}

/** For the others, a call where one without arguments does not do. */
const calls: Readonly<Record<string, string>> = {
  adaptive_grad_clip: 'adaptive_grad_clip(0.1)',
  add_decayed_weights: 'add_decayed_weights(linear_schedule(0.1, 0.0, 4))',
  add_noise: 'add_noise(0.1, 0.55)',
  apply_every: 'apply_every(2)',
  apply_if_finite: 'apply_if_finite(adam(0.1), 2)',
  chain: 'chain(clip_by_global_norm(1.0), centralize(), adam(0.1))',
  clip: 'clip(0.5)',
  clip_by_block_rms: 'clip_by_block_rms(0.5)',
  clip_by_global_norm: 'clip_by_global_norm(1.0)',
  conditionally_mask: 'conditionally_mask(adam(0.1), every_k(2))',
  conditionally_transform: 'conditionally_transform(adam(0.1), every_k(2))',
  ema: 'ema(0.9)',
  flatten: 'flatten(chain(clip_by_block_rms(0.5), adam(0.1)))',
  freeze: 'freeze(ndim(2))',
  lookahead: 'lookahead(adam(0.1), 2, 0.5)',
  masked: 'masked(adam(0.1), ndim(2))',
  mechanize: 'mechanize(sgd(0.1), s_init=0.1)',
  MultiSteps: 'MultiSteps(adam(0.1), 2)',
  multi_transform:
    "multi_transform({'a': adam(0.1), 'b': sgd(0.1, momentum=0.9)}, {'ndim(2)': 'a', '**': 'b'})",
  named_chain: "named_chain(('clip', clip(1.0)), ('adam', adam(0.1)))",
  partition: "partition({'a': adam(0.1), 'b': sgd(0.1, momentum=0.9)}, {'ndim(2)': 'a', '**': 'b'})",
  projection_box: 'projection_box(-0.5, 0.5)',
  sam: 'sam(sgd(0.1, momentum=0.9), chain(clip_by_global_norm(1.0), sgd(0.05)))',
  scale: 'scale(-0.5)',
  scale_by_factored_rms: 'scale_by_factored_rms(min_dim_size_to_factor=2)',
  scale_by_galore: 'scale_by_galore(2, 2)',
  scale_by_learning_rate: 'scale_by_learning_rate(linear_schedule(0.1, 0.0, 4))',
  scale_by_madgrad: 'scale_by_madgrad(0.1)',
  scale_by_muon: 'masked(scale_by_muon(), ndim(2))',
  scale_by_rprop: 'scale_by_rprop(0.1)',
  scale_by_schedule: 'scale_by_schedule(linear_schedule(1.0, 0.0, 4))',
  schedule_free: 'schedule_free(sgd(0.1), 0.1)',
  selective_transform: 'selective_transform(adam(0.1), freeze_mask=ndim(2))',
  trace: 'trace(0.9, nesterov=True)',
  constant_schedule: 'sgd(constant_schedule(0.1))',
  cosine_decay_schedule: 'sgd(cosine_decay_schedule(0.1, 4))',
  cosine_onecycle_schedule: 'sgd(cosine_onecycle_schedule(4, 0.1))',
  exponential_decay: 'sgd(exponential_decay(0.1, 2, 0.5))',
  join_schedules: 'sgd(join_schedules([constant_schedule(0.1), linear_schedule(0.2, 0.0, 3)], [2]))',
  linear_onecycle_schedule: 'sgd(linear_onecycle_schedule(4, 0.1))',
  linear_schedule: 'sgd(linear_schedule(0.1, 0.0, 4))',
  piecewise_constant_schedule: 'sgd(piecewise_constant_schedule(0.1, {2: 0.5}))',
  piecewise_interpolate_schedule: "sgd(piecewise_interpolate_schedule('cosine', 0.1, {3: 0.5}))",
  polynomial_schedule: 'sgd(polynomial_schedule(0.1, 0.0, 2, 4))',
  sgdr_schedule:
    "sgd(sgdr_schedule([{'init_value': 0.0, 'peak_value': 0.1, 'warmup_steps': 1, 'decay_steps': 4}]))",
  warmup_constant_schedule: 'sgd(warmup_constant_schedule(0.0, 0.1, 3))',
  warmup_cosine_decay_schedule: 'sgd(warmup_cosine_decay_schedule(0.0, 0.1, 2, 4))',
  warmup_exponential_decay_schedule: 'sgd(warmup_exponential_decay_schedule(0.0, 0.1, 2, 2, 0.5))',
  after_n: 'conditionally_mask(adam(0.1), after_n(2))',
  before_n: 'conditionally_mask(adam(0.1), before_n(2))',
  every_k: 'conditionally_transform(sgd(0.1, momentum=0.9), every_k(3))',
  skip_large_updates: 'MultiSteps(adam(0.1), 2, should_skip_update_fn=skip_large_updates(10.0))',
  skip_not_finite: 'MultiSteps(adam(0.1), 2, should_skip_update_fn=skip_not_finite())',
}

/**
 * Every entry of the catalogue.
 *
 * @throws where a table lacks one
 */
export const rows = (): readonly Row[] => [...catalogue.values()].map(rowOf)

function rowOf(entry: Catalogued): Row {
  const { name, kind, options } = entry
  const found = optimizers[name]
  if (found !== undefined) {
    const [quadratic, rosenbrock] = found
    return { entry, chain: quadratic, minimizes: { quadratic, rosenbrock } }
  }
  const why = (what: string) => new Error(`test/engines/calls.ts has no row for ${name}: ${what}`)
  if (kind === 'optimizer') throw why('add to optimizers what minimizes the two functions')
  const required = Object.keys(options).filter((option) => options[option]?.fallback === undefined)
  const call = calls[name] ?? (kind === 'transformation' && required.length === 0 ? `${name}()` : undefined)
  if (call === undefined)
    throw why(`add a call of it to calls, with ${required.join(', ') || 'what it needs'}`)
  const minimizes = minimizing[name]
  if (minimizes === undefined)
    throw new Error(`test/engines/minimizing.ts has no row for ${name}: add chains of it that minimize`)
  return { entry, chain: call, minimizes }
}
