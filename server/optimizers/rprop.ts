import { number, startNumber } from '../expression/index.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scale } from '../transformations/scale.ts'
import { scaleByRprop } from '../transformations/scale_by_rprop.ts'

/** Resilient backpropagation. The learning rate is the size of the first steps. */
export const rprop = optimizer({
  name: 'rprop',
  formula: 'scale_by_rprop → scale(−1)',
  reference:
    'Riedmiller and Braun, A direct adaptive method for faster backpropagation learning: the RPROP algorithm, ICNN 1993',
  options: {
    learning_rate: startNumber(),
    eta_minus: number(0.5),
    eta_plus: number(1.2),
    min_step_size: number(1e-6),
    max_step_size: number(50),
  },
  chain: (sizes) => [scaleByRprop(sizes), scale({ step_size: -1 })],
})
