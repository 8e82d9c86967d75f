import { transformation } from './form/define.ts'

/** Replace each element by its sign; 0 stays 0. */
export const scaleBySign = transformation({
  name: 'scale_by_sign',
  formula: 'u = sign(g)',
  reference:
    'Bernstein et al., signSGD: Compressed Optimisation for Non-Convex Problems, 2018, arXiv:1802.04434',
  update: (g) => g.sign(),
})
