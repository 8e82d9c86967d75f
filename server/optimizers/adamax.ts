import { number, rate } from '../expression/index.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByAdamax } from '../transformations/scale_by_adamax.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'

/** AdaMax: Adam with the infinity norm. */
export const adamax = optimizer({
  name: 'adamax',
  formula: 'scale_by_adamax → scale_by_learning_rate',
  reference: 'Kingma and Ba, Adam: A Method for Stochastic Optimization, 2014, arXiv:1412.6980, section 7.1',
  options: { learning_rate: rate(), b1: number(0.9), b2: number(0.999), eps: number(1e-8) },
  chain: ({ learning_rate, ...moments }) => [scaleByAdamax(moments), scaleByLearningRate({ learning_rate })],
})
