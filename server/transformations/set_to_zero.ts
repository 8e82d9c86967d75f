import { transformation } from './form/define.ts'

/** Replace gradients by zeros: what is not finite too. */
export const setToZero = transformation({
  name: 'set_to_zero',
  formula: 'u = 0',
  reference: 'optax.set_to_zero',
  // No number is less than itself, NaN included: 0 everywhere, in the shape of the gradient.
  update: (g) => g.lt(g),
})
