import { flag, mask, number, rate } from '../expression/index.ts'
import { addDecayedWeights } from '../transformations/add_decayed_weights.ts'
import { optimizer } from '../transformations/form/define.ts'
import { maskedBy } from '../transformations/form/masking.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'
import { scaleByTrustRatio } from '../transformations/scale_by_trust_ratio.ts'
import { trace } from '../transformations/trace.ts'

/** LARS. Weight decay comes before the trust ratio, and the learning rate before the momentum. */
export const lars = optimizer({
  name: 'lars',
  formula:
    'add_decayed_weights → scale_by_trust_ratio(trust_coefficient, eps) → scale_by_learning_rate → trace(momentum, nesterov)',
  reference: 'You et al., Large Batch Training of Convolutional Networks, 2017, arXiv:1708.03888',
  options: {
    learning_rate: rate(),
    weight_decay: rate(0),
    weight_decay_mask: { ...mask(null), fallback: true },
    trust_coefficient: number(1e-3),
    eps: number(0),
    trust_ratio_mask: mask(true),
    momentum: number(0.9),
    nesterov: flag(false),
  },
  chain: ({
    learning_rate,
    weight_decay,
    weight_decay_mask,
    trust_ratio_mask,
    momentum,
    nesterov,
    ...ratio
  }) => [
    addDecayedWeights({ weight_decay, mask: weight_decay_mask }),
    maskedBy(trust_ratio_mask, scaleByTrustRatio(ratio)),
    scaleByLearningRate({ learning_rate }),
    trace({ decay: momentum, nesterov }),
  ],
})
