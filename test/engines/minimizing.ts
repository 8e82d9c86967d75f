/** The chains by which an entry of the catalogue minimizes functions. */
export interface Minimizing {
  /** Of a vector, a matrix and a tensor of rank 4, in 400 steps. */
  readonly quadratic?: string
  /** Of two numbers, in 1 500 steps. */
  readonly rosenbrock?: string
}

/** A learning rate that falls to 0 in 400 or 1 500 steps, for updates of a size that does not. */
export const cosine = (rate: number, steps = 400): string => `cosine_decay_schedule(${rate}, ${steps})`

const both = (chain: string): Minimizing => ({ quadratic: chain, rosenbrock: chain })
const first = (call: string): Minimizing => both(`chain(${call}, adam(0.1))`)
const last = (call: string): Minimizing => both(`chain(adam(0.1), ${call})`)
const at = (schedule: string): Minimizing => both(`adam(${schedule})`)
const scaled = (call: string, quadratic: number | string, rosenbrock = quadratic): Minimizing => ({
  quadratic: `chain(${call}, scale_by_learning_rate(${quadratic}))`,
  rosenbrock: `chain(${call}, scale_by_learning_rate(${rosenbrock}))`,
})
/** Onto what only the minimum of Rosenbrock's function is in. */
const onto = (call: string, chain = 'adam(0.1)'): Minimizing => ({ rosenbrock: `chain(${chain}, ${call})` })

/** For all that is no optimizer. */
export const minimizing: Readonly<Record<string, Minimizing>> = {
  adaptive_grad_clip: scaled('adaptive_grad_clip(0.1)', cosine(1), cosine(0.3, 1500)),
  add_decayed_weights: first('add_decayed_weights(1e-3)'),
  add_noise: first('add_noise(0.01, 0.55)'),
  apply_every: {
    quadratic: 'chain(apply_every(2), sgd(0.1))',
    rosenbrock: 'chain(apply_every(2), sgd(0.001))',
  },
  apply_if_finite: both('apply_if_finite(adam(0.1), 2)'),
  centralize: first('centralize()'),
  chain: first('clip_by_global_norm(1.0)'),
  clip: first('clip(1.0)'),
  clip_by_block_rms: first('clip_by_block_rms(1.0)'),
  clip_by_global_norm: first('clip_by_global_norm(1.0)'),
  conditionally_mask: both('conditionally_mask(adam(0.1), every_k(2))'),
  conditionally_transform: last('conditionally_transform(scale(0.5), every_k(2))'),
  ema: scaled('ema(0.9)', 0.1, 0.01),
  flatten: both('flatten(chain(clip_by_block_rms(1.0), adam(0.1)))'),
  identity: first('identity()'),
  keep_params_nonnegative: onto('keep_params_nonnegative()'),
  lookahead: both('lookahead(adam(0.1), 5, 0.5)'),
  masked: first('masked(scale(0.5), ndim(1))'),
  mechanize: { quadratic: 'mechanize(sgd(0.01))', rosenbrock: 'mechanize(sgd(0.1))' },
  MultiSteps: both('MultiSteps(adam(0.1), 2)'),
  multi_transform: both(
    "multi_transform({'a': sgd(0.1, momentum=0.9), 'b': adam(0.1)}, {'ndim(2)': 'a', '**': 'b'})",
  ),
  named_chain: both("named_chain(('clip', clip(1.0)), ('adam', adam(0.1)))"),
  normalize: scaled('normalize()', cosine(0.3), cosine(1, 1500)),
  normalize_by_update_norm: scaled('normalize_by_update_norm()', cosine(0.3), cosine(1, 1500)),
  partition: both("partition({'a': sgd(0.1, momentum=0.9), 'b': adam(0.1)}, {'ndim(2)': 'a', '**': 'b'})"),
  projection_box: last('projection_box(-2.0, 2.0)'),
  projection_hypercube: onto('projection_hypercube(2.0)'),
  projection_l1_ball: onto('projection_l1_ball(2.5)'),
  projection_l1_sphere: onto('projection_l1_sphere(2.0)', `sgd(${cosine(0.3, 1500)})`),
  projection_l2_ball: last('projection_l2_ball(100.0)'),
  projection_l2_sphere: onto('projection_l2_sphere(1.4142135623730951)'),
  projection_linf_ball: last('projection_linf_ball(1.5)'),
  projection_non_negative: onto('projection_non_negative()'),
  projection_simplex: onto('projection_simplex(2.0)', 'sgd(0.001)'),
  reduce_on_plateau: last('reduce_on_plateau(patience=20, accumulation_size=5)'),
  sam: both('sam(adam(0.1), chain(normalize(), sgd(0.01)))'),
  scale: first('scale(0.5)'),
  scale_by_acprop: scaled('scale_by_acprop()', 0.1, 0.01),
  scale_by_adadelta: {
    quadratic: 'chain(scale_by_adadelta(eps=1e-2), scale(-1.0))',
    rosenbrock: `chain(scale_by_adadelta(), sgd(${cosine(3, 1500)}))`,
  },
  scale_by_adam: scaled('scale_by_adam()', 0.1),
  scale_by_adamax: scaled('scale_by_adamax()', 0.3, 0.1),
  scale_by_adan: scaled('scale_by_adan()', 0.1),
  scale_by_ademamix: scaled('scale_by_ademamix()', 0.1),
  scale_by_adopt: scaled('scale_by_adopt()', 0.3),
  scale_by_amsgrad: scaled('scale_by_amsgrad()', 0.3),
  scale_by_belief: scaled('scale_by_belief()', 0.1),
  scale_by_cocob: both('chain(scale_by_cocob(alpha=10.0), scale(0.1))'),
  scale_by_distance_over_gradients: scaled('scale_by_distance_over_gradients()', 1),
  scale_by_factored_rms: scaled('scale_by_factored_rms(min_dim_size_to_factor=2)', cosine(0.1), 0.01),
  scale_by_galore: scaled('scale_by_galore(2, 10)', 0.1),
  scale_by_lbfgs: scaled('scale_by_lbfgs(memory_size=3)', 0.1),
  scale_by_learning_rate: scaled('scale_by_yogi()', 0.1),
  scale_by_lion: scaled('scale_by_lion()', cosine(0.3), cosine(0.1, 1500)),
  scale_by_madgrad: {
    quadratic: 'scale_by_madgrad(0.1)',
    rosenbrock: `scale_by_madgrad(${cosine(0.1, 1500)})`,
  },
  scale_by_muon: { quadratic: 'chain(masked(scale_by_muon(), ndim(2)), sgd(0.1))' },
  scale_by_novograd: scaled('scale_by_novograd()', cosine(0.1), cosine(0.1, 1500)),
  scale_by_optimistic_gradient: scaled('scale_by_optimistic_gradient()', 0.1, 0.001),
  scale_by_param_block_norm: {
    quadratic: 'chain(scale_by_param_block_norm(), sgd(0.1))',
    rosenbrock: 'chain(scale_by_param_block_norm(), adam(0.03))',
  },
  scale_by_param_block_rms: {
    quadratic: 'chain(scale_by_param_block_rms(), sgd(0.1))',
    rosenbrock: 'chain(scale_by_param_block_rms(), adam(0.03))',
  },
  scale_by_polyak: scaled('scale_by_polyak()', 0.1),
  scale_by_radam: scaled('scale_by_radam()', 0.3, 0.01),
  scale_by_rms: scaled('scale_by_rms()', cosine(0.1), cosine(0.01, 1500)),
  scale_by_rprop: scaled('scale_by_rprop(0.1)', 0.1),
  scale_by_rss: scaled('scale_by_rss()', 1, 0.3),
  scale_by_schedule: both('chain(scale_by_adam(), scale_by_schedule(linear_schedule(-0.1, 0.0, 1500)))'),
  scale_by_sign: scaled('scale_by_sign()', cosine(0.1), cosine(1, 1500)),
  scale_by_simplified_ademamix: scaled(
    'scale_by_simplified_ademamix(b1=0.9)',
    cosine(0.01),
    cosine(0.01, 1500),
  ),
  scale_by_sm3: scaled('scale_by_sm3()', 1),
  scale_by_stddev: scaled('scale_by_stddev()', cosine(0.01), cosine(0.01, 1500)),
  scale_by_trust_ratio: scaled('scale_by_trust_ratio()', cosine(0.1), cosine(0.1, 1500)),
  scale_by_yogi: scaled('scale_by_yogi()', 0.1),
  schedule_free: { quadratic: 'schedule_free(sgd(0.1), 0.1)', rosenbrock: 'schedule_free(sgd(0.01), 0.01)' },
  selective_transform: both('selective_transform(adam(0.1), freeze_mask=ndim(3))'),
  trace: scaled('trace(0.9)', 0.01, 0.001),
  zero_nans: first('zero_nans()'),
  constant_schedule: at('constant_schedule(0.1)'),
  cosine_decay_schedule: at(cosine(0.3, 1500)),
  cosine_onecycle_schedule: at('cosine_onecycle_schedule(1500, 0.3)'),
  exponential_decay: at('exponential_decay(0.3, 500, 0.1)'),
  join_schedules: at('join_schedules([constant_schedule(0.1), linear_schedule(0.1, 0.0, 1400)], [100])'),
  linear_onecycle_schedule: at('linear_onecycle_schedule(1500, 0.3)'),
  linear_schedule: at('linear_schedule(0.3, 0.0, 1500)'),
  piecewise_constant_schedule: at('piecewise_constant_schedule(0.3, {200: 0.3, 1000: 0.1})'),
  piecewise_interpolate_schedule: at("piecewise_interpolate_schedule('cosine', 0.3, {1500: 0.01})"),
  polynomial_schedule: at('polynomial_schedule(0.3, 0.0, 2, 1500)'),
  sgdr_schedule: at(
    "sgdr_schedule([{'init_value': 0.0, 'peak_value': 0.3, 'warmup_steps': 10, 'decay_steps': 1500}])",
  ),
  warmup_constant_schedule: at('warmup_constant_schedule(0.0, 0.1, 10)'),
  warmup_cosine_decay_schedule: at('warmup_cosine_decay_schedule(0.0, 0.3, 10, 1500)'),
  warmup_exponential_decay_schedule: at('warmup_exponential_decay_schedule(0.0, 0.3, 10, 500, 0.1)'),
  after_n: both('conditionally_mask(adam(0.1), after_n(10))'),
  before_n: both('conditionally_mask(adam(0.1), before_n(1000))'),
  every_k: both('conditionally_mask(adam(0.1), every_k(2))'),
  skip_large_updates: both('MultiSteps(adam(0.1), 2, should_skip_update_fn=skip_large_updates(1e6))'),
  skip_not_finite: both('MultiSteps(adam(0.1), 2, should_skip_update_fn=skip_not_finite())'),
  // Their updates are 0.
  freeze: {},
  set_to_zero: {},
}
