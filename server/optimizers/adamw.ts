import { dtype, flag, keywordOnly, mask, number, rate } from '../expression/index.ts'
import { addDecayedWeights } from '../transformations/add_decayed_weights.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByAdam } from '../transformations/scale_by_adam.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'

/** Adam with weight decay apart from the gradient; the decay is multiplied by the learning rate. */
export const adamw = optimizer({
  name: 'adamw',
  formula: 'scale_by_adam → add_decayed_weights → scale_by_learning_rate',
  reference: 'Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2017, arXiv:1711.05101',
  options: {
    learning_rate: rate(),
    b1: number(0.9),
    b2: number(0.999),
    eps: number(1e-8),
    eps_root: number(0),
    mu_dtype: dtype(),
    weight_decay: rate(1e-4),
    mask: mask(null),
    nesterov: keywordOnly(flag(false)),
  },
  chain: ({ learning_rate, weight_decay, mask, ...moments }) => [
    scaleByAdam(moments),
    addDecayedWeights({ weight_decay, mask }),
    scaleByLearningRate({ learning_rate }),
  ],
})
