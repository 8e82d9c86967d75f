import { choice, number, select } from '../expression/index.ts'
import { transformation } from './form/define.ts'

/** Scale by Polyak's step size: how far the loss is above its least, over the squared norm. Needs the loss. */
export const scaleByPolyak = transformation({
  name: 'scale_by_polyak',
  formula: `gap = loss − f_min    sps+: at least 0
step = min(gap / (‖g‖² + eps), max_learning_rate)    0 if ‖g‖² + eps ≤ 2⁻⁵²
u = step · g`,
  reference:
    'Loizou et al., Stochastic Polyak Step-size for SGD: An Adaptive Learning Rate for Fast Convergence, 2020, arXiv:2002.10542',
  options: {
    f_min: number(0),
    max_learning_rate: number(1),
    eps: number(0),
    variant: choice(['sps', 'sps+'], 'sps'),
  },
  update(g, { f_min, max_learning_rate, eps, variant }, _state, { loss, tree, expose }) {
    const gap = variant === 'sps+' ? loss.sub(f_min).max(0) : loss.sub(f_min)
    const square = tree.sum(g.square()).add(eps)
    const step = select(square.le(2 ** -52), 0, gap.div(square).min(max_learning_rate))
    expose('step_size', step)
    return g.mul(step)
  },
})
