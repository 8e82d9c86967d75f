import { dtype, flag, keywordOnly, number, rate } from '../expression/index.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByAdam } from '../transformations/scale_by_adam.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'

/** Adam. */
export const adam = optimizer({
  name: 'adam',
  formula: 'scale_by_adam → scale_by_learning_rate',
  reference: 'Kingma and Ba, Adam: A Method for Stochastic Optimization, 2014, arXiv:1412.6980',
  options: {
    learning_rate: rate(),
    b1: number(0.9),
    b2: number(0.999),
    eps: number(1e-8),
    eps_root: number(0),
    mu_dtype: dtype(),
    nesterov: keywordOnly(flag(false)),
  },
  chain: ({ learning_rate, ...moments }) => [scaleByAdam(moments), scaleByLearningRate({ learning_rate })],
})
