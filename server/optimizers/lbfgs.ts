import { flag, integer, type Option, optionalRate } from '../expression/index.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scale } from '../transformations/scale.ts'
import { scaleByLbfgs } from '../transformations/scale_by_lbfgs.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'

/** Optax searches along the line unless told otherwise. A service cannot, and wants to be told. */
const none = (): Option<null> => ({
  type: 'None',
  refuse: (s) =>
    s === null
      ? undefined
      : 'a linesearch evaluates the loss at points of its own choice within a step, and only the client can; expected None, and a learning_rate',
  bind: () => null,
})

/** L-BFGS with a learning rate in place of a linesearch, which must be said: `linesearch=None`. */
export const lbfgs = optimizer({
  name: 'lbfgs',
  formula: 'scale_by_lbfgs → scale_by_learning_rate    without a learning_rate: scale(-1)',
  reference:
    'Liu and Nocedal, On the limited memory BFGS method for large scale optimization, Mathematical Programming 45, 1989',
  options: {
    learning_rate: optionalRate(),
    memory_size: integer(10, { min: 1, max: 64 }),
    scale_init_precond: flag(true),
    linesearch: none(),
  },
  chain: ({ learning_rate, memory_size, scale_init_precond }) => [
    scaleByLbfgs({ memory_size, scale_init_precond }),
    learning_rate === null ? scale({ step_size: -1 }) : scaleByLearningRate({ learning_rate }),
  ],
})
