import { integer, mask, number, optional, rate } from '../expression/index.ts'
import { addDecayedWeights } from '../transformations/add_decayed_weights.ts'
import { optimizer } from '../transformations/form/define.ts'
import { dimensions } from '../transformations/form/dimensions.ts'
import { held } from '../transformations/form/holding.ts'
import { scaleByGalore } from '../transformations/scale_by_galore.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'

/** Adam on projections of low rank, or another optimizer, which then should have a learning rate of 1. */
export const galore = optimizer({
  name: 'galore',
  formula: 'scale_by_galore → add_decayed_weights → scale_by_learning_rate',
  reference:
    'Zhao et al., GaLore: Memory-Efficient LLM Training by Gradient Low-Rank Projection, 2024, arXiv:2403.03507',
  options: {
    learning_rate: rate(),
    rank: integer(128, { min: 1 }),
    update_proj_gap: integer(200, { min: 1 }),
    scale: number(1),
    base_optimizer: optional(held()),
    weight_decay: rate(0),
    mask: mask(null),
    weight_dimension_numbers: dimensions('GaLoreDimensionNumbers'),
  },
  chain: ({ learning_rate, weight_decay, mask, ...projection }) => [
    scaleByGalore(projection),
    addDecayedWeights({ weight_decay, mask }),
    scaleByLearningRate({ learning_rate }),
  ],
})
