import { dtype, flag, optionalNumber, rate } from '../expression/index.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'
import { trace } from '../transformations/trace.ts'

/** Stochastic gradient descent, with momentum if one is given. */
export const sgd = optimizer({
  name: 'sgd',
  formula: 'trace(momentum, nesterov) → scale_by_learning_rate',
  reference: 'Sutskever et al., On the importance of initialization and momentum in deep learning, ICML 2013',
  options: {
    learning_rate: rate(),
    momentum: optionalNumber(),
    nesterov: flag(false),
    accumulator_dtype: dtype(),
  },
  chain: ({ learning_rate, momentum, nesterov, accumulator_dtype }) => [
    ...(momentum === null ? [] : [trace({ decay: momentum, nesterov, accumulator_dtype })]),
    scaleByLearningRate({ learning_rate }),
  ],
})
