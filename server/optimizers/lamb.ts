import { mask, number, rate } from '../expression/index.ts'
import { addDecayedWeights } from '../transformations/add_decayed_weights.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByAdam } from '../transformations/scale_by_adam.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'
import { scaleByTrustRatio } from '../transformations/scale_by_trust_ratio.ts'

/** LAMB: Adam with weight decay, each tensor's step as long as its parameters. */
export const lamb = optimizer({
  name: 'lamb',
  formula: 'scale_by_adam → add_decayed_weights → scale_by_trust_ratio → scale_by_learning_rate',
  reference:
    'You et al., Large Batch Optimization for Deep Learning: Training BERT in 76 minutes, 2019, arXiv:1904.00962',
  options: {
    learning_rate: rate(),
    b1: number(0.9),
    b2: number(0.999),
    eps: number(1e-6),
    eps_root: number(0),
    weight_decay: rate(0),
    mask: mask(null),
  },
  chain: ({ learning_rate, weight_decay, mask, ...moments }) => [
    scaleByAdam(moments),
    addDecayedWeights({ weight_decay, mask }),
    scaleByTrustRatio(),
    scaleByLearningRate({ learning_rate }),
  ],
})
