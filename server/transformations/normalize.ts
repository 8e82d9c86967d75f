import { transformation } from './form/define.ts'

/** Divide by the norm over the whole tree. Where all gradients are 0 there is none: NaN, as in Optax. */
export const normalize = transformation({
  name: 'normalize',
  formula: 'u = g / ‖g‖',
  reference: 'optax.contrib.normalize',
  update: (g, _options, _state, { tree }) => g.div(tree.norm(g)),
})
