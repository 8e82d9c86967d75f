import { number, rate } from '../expression/index.ts'
import { addDecayedWeights } from '../transformations/add_decayed_weights.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByMadgrad } from '../transformations/scale_by_madgrad.ts'

/** MADGRAD. The weight decay is part of the gradient. */
export const madgrad = optimizer({
  name: 'madgrad',
  formula: 'add_decayed_weights → scale_by_madgrad',
  reference:
    'Defazio and Jelassi, Adaptivity without Compromise: A Momentumized, Adaptive, Dual Averaged Gradient Method, 2021, arXiv:2101.11075',
  options: { learning_rate: rate(), momentum: number(0.9), weight_decay: rate(0), eps: number(1e-6) },
  chain: ({ weight_decay, ...averages }) => [addDecayedWeights({ weight_decay }), scaleByMadgrad(averages)],
})
