import { number, rate, startNumber } from '../expression/index.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'
import { scaleByRss } from '../transformations/scale_by_rss.ts'

/** Adagrad. */
export const adagrad = optimizer({
  name: 'adagrad',
  formula: 'scale_by_rss → scale_by_learning_rate',
  reference:
    'Duchi et al., Adaptive Subgradient Methods for Online Learning and Stochastic Optimization, JMLR 2011',
  options: { learning_rate: rate(), initial_accumulator_value: startNumber(0.1), eps: number(1e-7) },
  chain: ({ learning_rate, ...squares }) => [scaleByRss(squares), scaleByLearningRate({ learning_rate })],
})
