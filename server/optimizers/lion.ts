import { dtype, mask, number, rate } from '../expression/index.ts'
import { addDecayedWeights } from '../transformations/add_decayed_weights.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'
import { scaleByLion } from '../transformations/scale_by_lion.ts'

/** Lion, with weight decay apart from the gradient; the decay is multiplied by the learning rate. */
export const lion = optimizer({
  name: 'lion',
  formula: 'scale_by_lion → add_decayed_weights → scale_by_learning_rate',
  reference: 'Chen et al., Symbolic Discovery of Optimization Algorithms, 2023, arXiv:2302.06675',
  options: {
    learning_rate: rate(),
    b1: number(0.9),
    b2: number(0.99),
    mu_dtype: dtype(),
    weight_decay: rate(1e-3),
    mask: mask(null),
  },
  chain: ({ learning_rate, weight_decay, mask, ...momentum }) => [
    scaleByLion(momentum),
    addDecayedWeights({ weight_decay, mask }),
    scaleByLearningRate({ learning_rate }),
  ],
})
