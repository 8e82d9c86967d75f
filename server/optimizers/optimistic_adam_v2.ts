import { dtype, flag, keywordOnly, number, rate } from '../expression/index.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByAdam } from '../transformations/scale_by_adam.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'
import { scaleByOptimisticGradient } from '../transformations/scale_by_optimistic_gradient.ts'

/** Optimistic Adam. */
export const optimisticAdamV2 = optimizer({
  name: 'optimistic_adam_v2',
  formula: 'scale_by_adam → scale_by_optimistic_gradient(alpha, beta) → scale_by_learning_rate',
  reference: 'Daskalakis et al., Training GANs with Optimism, 2017, arXiv:1711.00141',
  options: {
    learning_rate: rate(),
    alpha: keywordOnly(number(1)),
    beta: keywordOnly(number(1)),
    b1: keywordOnly(number(0.9)),
    b2: keywordOnly(number(0.999)),
    eps: keywordOnly(number(1e-8)),
    eps_root: keywordOnly(number(0)),
    mu_dtype: keywordOnly(dtype()),
    nesterov: keywordOnly(flag(true)),
  },
  chain: ({ learning_rate, alpha, beta, ...moments }) => [
    scaleByAdam(moments),
    scaleByOptimisticGradient({ alpha, beta }),
    scaleByLearningRate({ learning_rate }),
  ],
})
