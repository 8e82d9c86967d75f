import { constant, number, select } from '../expression/index.ts'
import { transformation } from './form/define.ts'

/** Scale all gradients so that the norm over the whole tree is at most `max_norm`. */
export const clipByGlobalNorm = transformation({
  name: 'clip_by_global_norm',
  formula: 'u = g if ‖g‖ < max_norm, else g / ‖g‖ · max_norm',
  reference: 'Pascanu et al., On the difficulty of training recurrent neural networks, 2012, arXiv:1211.5063',
  options: { max_norm: number() },
  update(g, { max_norm }, _state, { tree, expose }) {
    const norm = tree.norm(g)
    const fits = norm.lt(max_norm)
    expose('clip_factor', select(fits, constant(1), max_norm.div(norm)))
    return select(fits, g, g.div(norm).mul(max_norm))
  },
})
