import { mask, number, rate, startNumber } from '../expression/index.ts'
import { addDecayedWeights } from '../transformations/add_decayed_weights.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scaleByCocob } from '../transformations/scale_by_cocob.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'

/** COCOB. The learning rate scales the gradients that go in, with their sign. */
export const cocob = optimizer({
  name: 'cocob',
  formula: 'add_decayed_weights → scale_by_learning_rate(flip_sign=False) → scale_by_cocob',
  reference:
    'Orabona and Tommasi, Training Deep Networks without Learning Rates Through Coin Betting, 2017, arXiv:1705.07795',
  options: {
    learning_rate: rate(1),
    alpha: number(100),
    eps: startNumber(1e-8),
    weight_decay: rate(0),
    mask: mask(null),
  },
  chain: ({ learning_rate, weight_decay, mask, ...bets }) => [
    addDecayedWeights({ weight_decay, mask }),
    scaleByLearningRate({ learning_rate, flip_sign: false }),
    scaleByCocob(bets),
  ],
})
