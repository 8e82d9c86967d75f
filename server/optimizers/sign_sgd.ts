import { rate } from '../expression/index.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'
import { scaleBySign } from '../transformations/scale_by_sign.ts'

/** Gradient descent by the signs of gradients. */
export const signSgd = optimizer({
  name: 'sign_sgd',
  formula: 'scale_by_sign → scale_by_learning_rate',
  reference:
    'Bernstein et al., signSGD: Compressed Optimisation for Non-Convex Problems, 2018, arXiv:1802.04434',
  options: { learning_rate: rate() },
  chain: ({ learning_rate }) => [scaleBySign(), scaleByLearningRate({ learning_rate })],
})
