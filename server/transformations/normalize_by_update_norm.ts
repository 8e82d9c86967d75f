import { number } from '../expression/index.ts'
import { transformation } from './form/define.ts'

/** Scale all gradients so that the norm over the whole tree is `scale_factor`. */
export const normalizeByUpdateNorm = transformation({
  name: 'normalize_by_update_norm',
  formula: 'u = g / ((‖g‖ + eps) / scale_factor)',
  reference: 'optax.normalize_by_update_norm',
  options: { scale_factor: number(1), eps: number(1e-6) },
  update: (g, { scale_factor, eps }, _state, { tree }) => g.div(tree.norm(g).add(eps).div(scale_factor)),
})
