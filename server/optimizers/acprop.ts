import { mask, number, rate } from '../expression/index.ts'
import { addDecayedWeights } from '../transformations/add_decayed_weights.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByAcprop } from '../transformations/scale_by_acprop.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'

/** ACProp. Needs the parameters, also where the weight decay is 0. */
export const acprop = optimizer({
  name: 'acprop',
  formula: 'scale_by_acprop → add_decayed_weights → scale_by_learning_rate',
  reference:
    'Zhuang et al., Momentum Centering and Asynchronous Update for Adaptive Gradient Methods, 2021, arXiv:2110.05454',
  options: {
    learning_rate: rate(),
    b1: number(0.9),
    b2: number(0.999),
    eps: number(1e-16),
    eps_root: number(1e-16),
    weight_decay: rate(0),
    mask: mask(null),
  },
  chain: ({ learning_rate, weight_decay, mask, ...moments }) => [
    scaleByAcprop(moments),
    addDecayedWeights({ weight_decay, mask }),
    scaleByLearningRate({ learning_rate }),
  ],
})
