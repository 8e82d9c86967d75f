import { number, rate } from '../expression/index.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'
import { scaleBySm3 } from '../transformations/scale_by_sm3.ts'

/** SM3: adaptive learning rates whose state is one vector for each axis of a tensor. */
export const sm3 = optimizer({
  name: 'sm3',
  formula: 'scale_by_sm3(momentum) → scale_by_learning_rate',
  reference: 'Anil et al., Memory-Efficient Adaptive Optimization, 2019, arXiv:1901.11150',
  options: { learning_rate: rate(), momentum: number(0.9) },
  chain: ({ learning_rate, momentum }) => [
    scaleBySm3({ b1: momentum }),
    scaleByLearningRate({ learning_rate }),
  ],
})
