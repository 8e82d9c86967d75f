import { dtype, flag, keywordOnly, number, rate } from '../expression/index.ts'
import { optimizer } from '../transformations/form/define.ts'
import { adam } from './adam.ts'

/** Adam with Nesterov momentum. */
export const nadam = optimizer({
  name: 'nadam',
  formula: 'adam(nesterov=True)',
  reference: 'Dozat, Incorporating Nesterov Momentum into Adam, ICLR workshop 2016',
  options: {
    learning_rate: rate(),
    b1: number(0.9),
    b2: number(0.999),
    eps: number(1e-8),
    eps_root: number(0),
    mu_dtype: dtype(),
    nesterov: keywordOnly(flag(true)),
  },
  chain: (options) => [adam(options)],
})
