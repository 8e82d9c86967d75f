import { condition } from '../form/condition.ts'

/** Where any gradient is infinite or NaN. */
export const skipNotFinite = condition({
  name: 'skip_not_finite',
  formula: 'some element of some g is ±∞ or NaN',
  reference: 'optax.skip_not_finite',
  options: {},
  holds({ g, context: { tree, expose } }) {
    const count = tree.sum(g.finite().neg().add(1))
    expose('num_not_finite', count)
    return count.gt(0)
  },
})
