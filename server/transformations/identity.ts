import { transformation } from './form/define.ts'

/** Leave gradients as they are. */
export const identity = transformation({
  name: 'identity',
  formula: 'u = g',
  reference: 'optax.identity',
  update: (g) => g,
})
