import { dtype, integer, number, optional, rate } from '../expression/index.ts'
import { addDecayedWeights } from '../transformations/add_decayed_weights.ts'
import { optimizer } from '../transformations/form/define.ts'
import { series } from '../transformations/form/series.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'
import { scaleByRms } from '../transformations/scale_by_rms.ts'
import { scheduleFree } from '../transformations/schedule_free.ts'
import { refuseWarmup, warmedUp } from './form/warmup.ts'

/** Schedule-free AdamW: Adam without its first moment, which the averages stand in for. */
export const scheduleFreeAdamw = optimizer({
  name: 'schedule_free_adamw',
  formula:
    'schedule_free(scale_by_rms(b2, eps, eps_in_sqrt=False, bias_correction=True) → add_decayed_weights → scale_by_learning_rate)',
  reference: 'Defazio et al., The Road Less Scheduled, 2024, arXiv:2405.15682',
  options: {
    learning_rate: rate(0.0025),
    warmup_steps: optional(integer(undefined, { min: 1 })),
    b1: number(0.9),
    b2: number(0.999),
    eps: number(1e-8),
    weight_decay: rate(0),
    weight_lr_power: number(2),
    state_dtype: dtype(),
  },
  refuse: refuseWarmup,
  chain: ({ learning_rate: peak, warmup_steps, b2, eps, weight_decay, ...averaging }) => {
    const learning_rate = warmedUp(peak, warmup_steps)
    const base_optimizer = series([
      scaleByRms({ decay: b2, eps, eps_in_sqrt: false, bias_correction: true }),
      addDecayedWeights({ weight_decay }),
      scaleByLearningRate({ learning_rate }),
    ])
    return [scheduleFree({ base_optimizer, learning_rate, ...averaging })]
  },
})
