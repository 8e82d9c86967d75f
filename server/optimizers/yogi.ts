import { number, rate } from '../expression/index.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'
import { scaleByYogi } from '../transformations/scale_by_yogi.ts'

/** Yogi. */
export const yogi = optimizer({
  name: 'yogi',
  formula: 'scale_by_yogi → scale_by_learning_rate',
  reference: 'Zaheer et al., Adaptive Methods for Nonconvex Optimization, NeurIPS 2018',
  options: { learning_rate: rate(), b1: number(0.9), b2: number(0.999), eps: number(1e-3) },
  chain: ({ learning_rate, ...moments }) => [scaleByYogi(moments), scaleByLearningRate({ learning_rate })],
})
