import { dtype, number, rate } from '../expression/index.ts'
import { ema } from '../transformations/ema.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'
import { scaleBySign } from '../transformations/scale_by_sign.ts'

/** Gradient descent by the signs of the gradients' moving average. */
export const signum = optimizer({
  name: 'signum',
  formula: 'ema(beta, debias=False) → scale_by_sign → scale_by_learning_rate',
  reference:
    'Bernstein et al., signSGD: Compressed Optimisation for Non-Convex Problems, 2018, arXiv:1802.04434',
  options: { learning_rate: rate(), beta: number(0.9), accumulator_dtype: dtype() },
  chain: ({ learning_rate, beta, accumulator_dtype }) => [
    ema({ decay: beta, debias: false, accumulator_dtype }),
    scaleBySign(),
    scaleByLearningRate({ learning_rate }),
  ],
})
