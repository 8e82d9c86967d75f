import { choice, number, rate } from '../expression/index.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByPolyak } from '../transformations/scale_by_polyak.ts'
import { sgd } from './sgd.ts'

/** Gradient descent by Polyak's step size, whose norm is that of the gradients after `scaling`. Needs the loss. */
export const polyakSgd = optimizer({
  name: 'polyak_sgd',
  formula: 'sgd(scaling) → scale_by_polyak(f_min, max_learning_rate, eps, variant)',
  reference:
    'Loizou et al., Stochastic Polyak Step-size for SGD: An Adaptive Learning Rate for Fast Convergence, 2020, arXiv:2002.10542',
  options: {
    max_learning_rate: number(1),
    scaling: rate(1),
    f_min: number(0),
    eps: number(0),
    variant: choice(['sps', 'sps+'], 'sps'),
  },
  chain: ({ scaling, ...step }) => [sgd({ learning_rate: scaling }), scaleByPolyak(step)],
})
