import { number, rate } from '../expression/index.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'
import { scaleByNovograd } from '../transformations/scale_by_novograd.ts'

/** NovoGrad. */
export const novograd = optimizer({
  name: 'novograd',
  formula: 'scale_by_novograd → scale_by_learning_rate',
  reference:
    'Ginsburg et al., Stochastic Gradient Methods with Layer-wise Adaptive Moments for Training of Deep Networks, 2019, arXiv:1905.11286',
  options: {
    learning_rate: rate(),
    b1: number(0.9),
    b2: number(0.25),
    eps: number(1e-6),
    eps_root: number(0),
    weight_decay: number(0),
  },
  chain: ({ learning_rate, ...moments }) => [
    scaleByNovograd(moments),
    scaleByLearningRate({ learning_rate }),
  ],
})
