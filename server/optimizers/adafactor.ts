import {
  dtype,
  flag,
  integer,
  mask,
  number,
  optional,
  optionalNumber,
  optionalRate,
} from '../expression/index.ts'
import { addDecayedWeights } from '../transformations/add_decayed_weights.ts'
import { clipByBlockRms } from '../transformations/clip_by_block_rms.ts'
import { ema } from '../transformations/ema.ts'
import { optimizer } from '../transformations/form/define.ts'
import type { Link } from '../transformations/form/link.ts'
import { maskedBy } from '../transformations/form/masking.ts'
import { scale } from '../transformations/scale.ts'
import { scaleByFactoredRms } from '../transformations/scale_by_factored_rms.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'
import { scaleByParamBlockRms } from '../transformations/scale_by_param_block_rms.ts'

/**
 * Adafactor: second moments as a row and a column, steps in proportion to the parameters. The decay of weights is not
 * multiplied by the learning rate.
 */
export const adafactor = optimizer({
  name: 'adafactor',
  formula: `scale_by_factored_rms → clip_by_block_rms(clipping_threshold) → scale_by_learning_rate(flip_sign=False)
→ scale_by_param_block_rms → ema(momentum, debias=False) → add_decayed_weights(weight_decay_rate) → scale(-1)
each but the first and the last only where its option is not None or False`,
  reference:
    'Shazeer and Stern, Adafactor: Adaptive Learning Rates with Sublinear Memory Cost, 2018, arXiv:1804.04235',
  options: {
    learning_rate: optionalRate(),
    min_dim_size_to_factor: integer(128, { min: 0 }),
    decay_rate: number(0.8),
    decay_offset: number(0),
    multiply_by_parameter_scale: flag(true),
    clipping_threshold: { ...optional(number()), fallback: 1 },
    momentum: optionalNumber(),
    dtype_momentum: dtype(),
    weight_decay_rate: optionalRate(),
    eps: number(1e-30),
    factored: flag(true),
    weight_decay_mask: mask(null),
  },
  chain: (options) => [
    scaleByFactoredRms({
      factored: options.factored,
      decay_rate: options.decay_rate,
      step_offset: options.decay_offset,
      min_dim_size_to_factor: options.min_dim_size_to_factor,
      epsilon: options.eps,
    }),
    ...when(options.clipping_threshold, (threshold) => clipByBlockRms({ threshold })),
    ...when(options.learning_rate, (learning_rate) =>
      scaleByLearningRate({ learning_rate, flip_sign: false }),
    ),
    ...(options.multiply_by_parameter_scale ? [scaleByParamBlockRms()] : []),
    ...when(options.momentum, (decay) =>
      ema({ decay, debias: false, accumulator_dtype: options.dtype_momentum }),
    ),
    ...when(options.weight_decay_rate, (weight_decay) =>
      maskedBy(options.weight_decay_mask, addDecayedWeights({ weight_decay })),
    ),
    scale({ step_size: -1 }),
  ],
})

const when = <T>(option: T | null, link: (option: T) => Link): readonly Link[] =>
  option === null ? [] : [link(option)]
