import { dtype, integer, number, optional, optionalNumber, rate, steady } from '../expression/index.ts'
import { addDecayedWeights } from '../transformations/add_decayed_weights.ts'
import { optimizer } from '../transformations/form/define.ts'
import { series } from '../transformations/form/series.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'
import { scheduleFree } from '../transformations/schedule_free.ts'
import { refuseWarmup, warmedUp } from './form/warmup.ts'

/** Schedule-free SGD. The weight decay is multiplied by the learning rate. */
export const scheduleFreeSgd = optimizer({
  name: 'schedule_free_sgd',
  formula: 'schedule_free(add_decayed_weights → scale_by_learning_rate)',
  reference: 'Defazio et al., The Road Less Scheduled, 2024, arXiv:2405.15682',
  options: {
    learning_rate: rate(1),
    warmup_steps: optional(integer(undefined, { min: 1 })),
    b1: number(0.9),
    weight_decay: optionalNumber(),
    weight_lr_power: number(2),
    state_dtype: dtype(),
  },
  refuse: refuseWarmup,
  chain: ({ learning_rate: peak, warmup_steps, weight_decay, ...averaging }) => {
    const learning_rate = warmedUp(peak, warmup_steps)
    const decay = weight_decay === null ? [] : [addDecayedWeights({ weight_decay: steady(weight_decay) })]
    const base_optimizer = series([...decay, scaleByLearningRate({ learning_rate })])
    return [scheduleFree({ base_optimizer, learning_rate, ...averaging })]
  },
})
