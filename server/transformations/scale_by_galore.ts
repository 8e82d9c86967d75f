import { integer, number, optional } from '../expression/index.ts'
import { define } from './form/define.ts'
import { dimensions } from './form/dimensions.ts'
import { held } from './form/holding.ts'
import { lowRank } from './form/low_rank.ts'
import { scaleByAdam } from './scale_by_adam.ts'

/**
 * An optimizer of matrices that are projected onto a few of their singular vectors: its state is as small as they are.
 * The vectors are those of the gradient at some step, and serve until the next such step; what the optimizer has by
 * then is kept as it is. It is given no parameters.
 */
export const scaleByGalore = define(
  'transformation',
  {
    name: 'scale_by_galore',
    formula: `matrices G of m × n, r = min(rank, m, n):
count mod update_proj_gap = 0: projector ← the first r singular vectors of G, where m ≥ n the left ones, else the right
m ≥ n: R = projectorᵀ · G;  u = scale · projector · base_optimizer(R)
m < n: R = G · projector;  u = scale · base_optimizer(R) · projectorᵀ
other tensors: u = base_optimizer(g)
count ← count + 1`,
    reference:
      'Zhao et al., GaLore: Memory-Efficient LLM Training by Gradient Low-Rank Projection, 2024, arXiv:2403.03507',
    options: {
      rank: integer(128, { min: 1 }),
      update_proj_gap: integer(200, { min: 1 }),
      scale: number(1),
      base_optimizer: optional(held()),
      weight_dimension_numbers: dimensions('GaLoreDimensionNumbers'),
    },
  },
  ({ base_optimizer, weight_dimension_numbers: of, update_proj_gap: gap, ...options }) =>
    lowRank('scale_by_galore', base_optimizer ?? scaleByAdam(), { of, gap, ...options }),
)
