import { flag, number, optionalNumber, rate, startNumber } from '../expression/index.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'
import { scaleByRms } from '../transformations/scale_by_rms.ts'
import { scaleByStddev } from '../transformations/scale_by_stddev.ts'
import { trace } from '../transformations/trace.ts'

/** RMSProp. The learning rate is applied before the momentum. */
export const rmsprop = optimizer({
  name: 'rmsprop',
  formula: 'scale_by_rms (centered: scale_by_stddev) → scale_by_learning_rate → trace(momentum, nesterov)',
  reference:
    'Tieleman and Hinton, Lecture 6.5: RMSProp, Coursera, 2012; centered: Graves, 2013, arXiv:1308.0850',
  options: {
    learning_rate: rate(),
    decay: number(0.9),
    eps: number(1e-8),
    initial_scale: startNumber(0),
    eps_in_sqrt: flag(true),
    centered: flag(false),
    momentum: optionalNumber(),
    nesterov: flag(false),
    bias_correction: flag(false),
  },
  chain: ({ learning_rate, centered, momentum, nesterov, ...squares }) => [
    centered ? scaleByStddev(squares) : scaleByRms(squares),
    scaleByLearningRate({ learning_rate }),
    ...(momentum === null ? [] : [trace({ decay: momentum, nesterov })]),
  ],
})
