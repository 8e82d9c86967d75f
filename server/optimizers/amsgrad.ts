import { dtype, flag, number, rate } from '../expression/index.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByAmsgrad } from '../transformations/scale_by_amsgrad.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'

/** AMSGrad. */
export const amsgrad = optimizer({
  name: 'amsgrad',
  formula: 'scale_by_amsgrad → scale_by_learning_rate',
  reference: 'Reddi et al., On the Convergence of Adam and Beyond, ICLR 2018, arXiv:1904.09237',
  options: {
    learning_rate: rate(),
    b1: number(0.9),
    b2: number(0.999),
    eps: number(1e-8),
    eps_root: number(0),
    mu_dtype: dtype(),
    bias_correction_mu: flag(true),
    bias_correction_nu: flag(true),
  },
  chain: ({ learning_rate, ...moments }) => [scaleByAmsgrad(moments), scaleByLearningRate({ learning_rate })],
})
