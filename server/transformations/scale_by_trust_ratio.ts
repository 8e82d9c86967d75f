import { number, select } from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { norm } from './form/norms.ts'

/** Scale each tensor's gradient to the size of its parameters. Where either norm is 0 it stays as it is. */
export const scaleByTrustRatio = transformation({
  name: 'scale_by_trust_ratio',
  formula: `ratio = trust_coefficient · max(‖p‖, min_norm) / (max(‖g‖, min_norm) + eps)    1 if either max is 0
u = ratio · g`,
  reference: 'You et al., Large Batch Training of Convolutional Networks, 2017, arXiv:1708.03888',
  options: { min_norm: number(0), trust_coefficient: number(1), eps: number(0) },
  update(g, { min_norm, trust_coefficient, eps }, _state, { parameter }) {
    const [p, size] = [norm(parameter).max(min_norm), norm(g).max(min_norm)]
    const none = p.eq(0).max(size.eq(0))
    return g.mul(select(none, 1, trust_coefficient.mul(p).div(size.add(eps))))
  },
})
