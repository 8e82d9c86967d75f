import { transformation } from './form/define.ts'

/**
 * Centralize each gradient: subtract the mean of every slice along its leading dimension. Vectors and scalars
 * stay as they are.
 */
export const centralize = transformation({
  name: 'centralize',
  formula: 'u = g − mean(g)  for tensors of rank > 1, the mean over all dimensions but the first',
  reference:
    'Yong et al., Gradient Centralization: A New Optimization Technique for Deep Neural Networks, 2020, arXiv:2004.01461',
  update: (g) => (g.rank > 1 ? g.sub(g.mean('rows')) : g),
})
