import { counter, flag, keywordOnly, optionalRate, type Slot } from '../expression/index.ts'
import { transformation } from './form/define.ts'

/**
 * Multiply by the learning rate, negated so that adding the update descends. A schedule sees the number of steps
 * taken before this one. As in Optax, None leaves gradients as they are: the sign too.
 */
export const scaleByLearningRate = transformation({
  name: 'scale_by_learning_rate',
  formula: 'u = −learning_rate(count) · g;  count ← count + 1',
  reference: 'optax.scale_by_learning_rate',
  options: { learning_rate: optionalRate(), flip_sign: keywordOnly(flag(true)) },
  state: ({ learning_rate }): { count?: Slot } => (learning_rate?.scheduled ? { count: counter() } : {}),
  update(g, { learning_rate, flip_sign }, { count }, { expose }) {
    if (learning_rate === null) return g
    const lr = learning_rate.at(count)
    expose('learning_rate', lr)
    return [g.mul(flip_sign ? lr.neg() : lr), count === undefined ? {} : { count: count.add(1) }]
  },
})
