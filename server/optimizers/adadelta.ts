import { mask, number, optionalRate, rate } from '../expression/index.ts'
import { addDecayedWeights } from '../transformations/add_decayed_weights.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByAdadelta } from '../transformations/scale_by_adadelta.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'

/** Adadelta. As in Optax, updates without a learning rate have the gradient's own sign: adding them ascends. */
export const adadelta = optimizer({
  name: 'adadelta',
  formula: 'add_decayed_weights → scale_by_adadelta → scale_by_learning_rate',
  reference: 'Zeiler, ADADELTA: An Adaptive Learning Rate Method, 2012, arXiv:1212.5701',
  options: {
    learning_rate: optionalRate(),
    rho: number(0.9),
    eps: number(1e-6),
    weight_decay: rate(0),
    weight_decay_mask: mask(null),
  },
  chain: ({ learning_rate, weight_decay, weight_decay_mask, ...averages }) => [
    addDecayedWeights({ weight_decay, mask: weight_decay_mask }),
    scaleByAdadelta(averages),
    scaleByLearningRate({ learning_rate }),
  ],
})
