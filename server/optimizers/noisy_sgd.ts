import { keywordOnly, number, rate, seed } from '../expression/index.ts'
import { addNoise, oneKey } from '../transformations/add_noise.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'

/** Stochastic gradient descent with noise in the gradients. */
export const noisySgd = optimizer({
  name: 'noisy_sgd',
  formula: 'add_noise(eta, gamma, key) → scale_by_learning_rate',
  reference:
    'Neelakantan et al., Adding Gradient Noise Improves Learning for Very Deep Networks, 2015, arXiv:1511.06807',
  options: {
    learning_rate: rate(),
    eta: number(0.01),
    gamma: number(0.55),
    key: seed(),
    seed: keywordOnly(seed()),
  },
  refuse: oneKey,
  chain: ({ learning_rate, ...noise }) => [addNoise(noise), scaleByLearningRate({ learning_rate })],
})
