import { select } from '../expression/index.ts'
import { transformation } from './form/define.ts'

/** Where a parameter would become negative make it 0. Must be the last of a chain; needs the parameters. */
export const keepParamsNonnegative = transformation({
  name: 'keep_params_nonnegative',
  formula: 'u = −p where p + g < 0, else g',
  reference: 'optax.keep_params_nonnegative',
  update: (g, _options, _state, { parameter }) => select(parameter.add(g).lt(0), parameter.neg(), g),
})
