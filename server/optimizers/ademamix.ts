import { dtype, mask, number, rate } from '../expression/index.ts'
import { addDecayedWeights } from '../transformations/add_decayed_weights.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByAdemamix } from '../transformations/scale_by_ademamix.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'

/** AdEMAMix. Its `alpha` is 5, that of `scale_by_ademamix` 6, as in Optax. */
export const ademamix = optimizer({
  name: 'ademamix',
  formula: 'scale_by_ademamix → add_decayed_weights → scale_by_learning_rate',
  reference: 'Pagliardini et al., The AdEMAMix Optimizer: Better, Faster, Older, 2024, arXiv:2409.03137',
  options: {
    learning_rate: rate(),
    b1: number(0.9),
    b2: number(0.999),
    b3: rate(0.9999),
    alpha: rate(5),
    eps: number(1e-8),
    eps_root: number(0),
    mu_dtype: dtype(),
    weight_decay: rate(0),
    mask: mask(null),
  },
  chain: ({ learning_rate, weight_decay, mask, ...moments }) => [
    scaleByAdemamix(moments),
    addDecayedWeights({ weight_decay, mask }),
    scaleByLearningRate({ learning_rate }),
  ],
})
