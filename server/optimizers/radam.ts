import { flag, keywordOnly, number, rate } from '../expression/index.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'
import { scaleByRadam } from '../transformations/scale_by_radam.ts'

/** Rectified Adam. */
export const radam = optimizer({
  name: 'radam',
  formula: 'scale_by_radam → scale_by_learning_rate',
  reference: 'Liu et al., On the Variance of the Adaptive Learning Rate and Beyond, 2019, arXiv:1908.03265',
  options: {
    learning_rate: rate(),
    b1: number(0.9),
    b2: number(0.999),
    eps: number(1e-8),
    eps_root: number(0),
    threshold: number(5),
    nesterov: keywordOnly(flag(false)),
  },
  chain: ({ learning_rate, ...moments }) => [scaleByRadam(moments), scaleByLearningRate({ learning_rate })],
})
