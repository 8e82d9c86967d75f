import { dtype, flag, keywordOnly, mask, number, rate } from '../expression/index.ts'
import { optimizer } from '../transformations/form/define.ts'
import { adamw } from './adamw.ts'

/** Adam with Nesterov momentum, and weight decay apart from the gradient. */
export const nadamw = optimizer({
  name: 'nadamw',
  formula: 'adamw(nesterov=True)',
  reference:
    'Dozat, Incorporating Nesterov Momentum into Adam, 2016; Loshchilov and Hutter, 2017, arXiv:1711.05101',
  options: {
    learning_rate: rate(),
    b1: number(0.9),
    b2: number(0.999),
    eps: number(1e-8),
    eps_root: number(0),
    mu_dtype: dtype(),
    weight_decay: rate(1e-4),
    mask: mask(null),
    nesterov: keywordOnly(flag(true)),
  },
  chain: (options) => [adamw(options)],
})
