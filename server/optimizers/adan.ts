import { mask, number, rate } from '../expression/index.ts'
import { addDecayedWeights } from '../transformations/add_decayed_weights.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByAdan } from '../transformations/scale_by_adan.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'

/** Adan. */
export const adan = optimizer({
  name: 'adan',
  formula: 'scale_by_adan → add_decayed_weights → scale_by_learning_rate',
  reference:
    'Xie et al., Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep Models, 2022, arXiv:2208.06677',
  options: {
    learning_rate: rate(),
    b1: number(0.98),
    b2: number(0.92),
    b3: number(0.99),
    eps: number(1e-8),
    eps_root: number(1e-8),
    weight_decay: rate(0),
    mask: mask(null),
  },
  chain: ({ learning_rate, weight_decay, mask, ...moments }) => [
    scaleByAdan(moments),
    addDecayedWeights({ weight_decay, mask }),
    scaleByLearningRate({ learning_rate }),
  ],
})
