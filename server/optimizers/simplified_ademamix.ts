import { mask, number, rate } from '../expression/index.ts'
import { addDecayedWeights } from '../transformations/add_decayed_weights.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'
import { scaleBySimplifiedAdemamix } from '../transformations/scale_by_simplified_ademamix.ts'

/** AdEMAMix with one average of gradients. */
export const simplifiedAdemamix = optimizer({
  name: 'simplified_ademamix',
  formula: 'scale_by_simplified_ademamix → add_decayed_weights → scale_by_learning_rate',
  reference:
    'Morwani et al., Connections between Schedule-Free Optimizers, AdEMAMix, and Accelerated SGD Variants, 2025, arXiv:2502.02431',
  options: {
    learning_rate: rate(),
    b1: number(0.99),
    b2: number(0.95),
    alpha: rate(0),
    eps: number(1e-8),
    eps_root: number(0),
    weight_decay: rate(0),
    mask: mask(null),
  },
  chain: ({ learning_rate, weight_decay, mask, ...moments }) => [
    scaleBySimplifiedAdemamix(moments),
    addDecayedWeights({ weight_decay, mask }),
    scaleByLearningRate({ learning_rate }),
  ],
})
