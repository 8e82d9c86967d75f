import { flag, keywordOnly, number, rate } from '../expression/index.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByBelief } from '../transformations/scale_by_belief.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'

/** AdaBelief. */
export const adabelief = optimizer({
  name: 'adabelief',
  formula: 'scale_by_belief → scale_by_learning_rate',
  reference:
    'Zhuang et al., AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed Gradients, 2020, arXiv:2010.07468',
  options: {
    learning_rate: rate(),
    b1: number(0.9),
    b2: number(0.999),
    eps: number(1e-16),
    eps_root: number(1e-16),
    nesterov: keywordOnly(flag(false)),
  },
  chain: ({ learning_rate, ...moments }) => [scaleByBelief(moments), scaleByLearningRate({ learning_rate })],
})
