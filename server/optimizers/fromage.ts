import { constant, type Expr, number, rate } from '../expression/index.ts'
import { addDecayedWeights } from '../transformations/add_decayed_weights.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'
import { scaleByTrustRatio } from '../transformations/scale_by_trust_ratio.ts'

/** Fromage: steps relative to the size of the parameters, which then shrink so that they do not grow. */
export const fromage = optimizer({
  name: 'fromage',
  formula: `s = 1 / √(1 + learning_rate²)
scale_by_trust_ratio(min_norm) → scale_by_learning_rate(s · learning_rate) → add_decayed_weights(s − 1)`,
  reference:
    'Bernstein et al., On the distance between two neural networks and the stability of learning, 2020, arXiv:2002.03432',
  options: { learning_rate: rate(), min_norm: number(1e-6) },
  chain({ learning_rate, min_norm }) {
    const of = (value: (lr: Expr) => Expr) => ({
      ...learning_rate,
      at: (count: Expr | undefined) => value(learning_rate.at(count)),
    })
    const shrink = (lr: Expr) => constant(1).div(lr.square().add(1).sqrt())
    return [
      scaleByTrustRatio({ min_norm }),
      scaleByLearningRate({ learning_rate: of((lr) => lr.mul(shrink(lr))) }),
      addDecayedWeights({ weight_decay: of((lr) => shrink(lr).sub(1)) }),
    ]
  },
})
