import { mask, number, rate } from '../expression/index.ts'
import { addDecayedWeights } from '../transformations/add_decayed_weights.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByAdamax } from '../transformations/scale_by_adamax.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'

/** AdaMax with weight decay apart from the gradient; the decay is multiplied by the learning rate. */
export const adamaxw = optimizer({
  name: 'adamaxw',
  formula: 'scale_by_adamax → add_decayed_weights → scale_by_learning_rate',
  reference: 'Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2017, arXiv:1711.05101',
  options: {
    learning_rate: rate(),
    b1: number(0.9),
    b2: number(0.999),
    eps: number(1e-8),
    weight_decay: rate(1e-4),
    mask: mask(null),
  },
  chain: ({ learning_rate, weight_decay, mask, ...moments }) => [
    scaleByAdamax(moments),
    addDecayedWeights({ weight_decay, mask }),
    scaleByLearningRate({ learning_rate }),
  ],
})
