import { dtype, flag, keywordOnly, number, rate } from '../expression/index.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByAdopt } from '../transformations/scale_by_adopt.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'

/** ADOPT. */
export const adopt = optimizer({
  name: 'adopt',
  formula: 'scale_by_adopt → scale_by_learning_rate',
  reference:
    'Taniguchi et al., ADOPT: Modified Adam Can Converge with Any β2 with the Optimal Rate, 2024, arXiv:2411.02853',
  options: {
    learning_rate: rate(),
    b1: number(0.9),
    b2: number(0.9999),
    eps: number(1e-6),
    mu_dtype: dtype(),
    nesterov: keywordOnly(flag(false)),
    use_clipping: keywordOnly(flag(true)),
  },
  chain: ({ learning_rate, ...moments }) => [scaleByAdopt(moments), scaleByLearningRate({ learning_rate })],
})
