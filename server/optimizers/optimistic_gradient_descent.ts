import { number, rate } from '../expression/index.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'
import { scaleByOptimisticGradient } from '../transformations/scale_by_optimistic_gradient.ts'

/** Optimistic gradient descent, for games. */
export const optimisticGradientDescent = optimizer({
  name: 'optimistic_gradient_descent',
  formula: 'scale_by_optimistic_gradient → scale_by_learning_rate',
  reference:
    'Mokhtari et al., A Unified Analysis of Extra-gradient and Optimistic Gradient Methods for Saddle Point Problems, 2019, arXiv:1901.08511',
  options: { learning_rate: rate(), alpha: number(1), beta: number(1) },
  chain: ({ learning_rate, alpha, beta }) => [
    scaleByOptimisticGradient({ alpha, beta }),
    scaleByLearningRate({ learning_rate }),
  ],
})
