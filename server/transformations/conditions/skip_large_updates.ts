import { number } from '../../expression/index.ts'
import { condition } from '../form/condition.ts'

/** Where the gradients are too large together, or NaN. */
export const skipLargeUpdates = condition({
  name: 'skip_large_updates',
  formula: 'not ‖g‖² < max_squared_norm',
  reference: 'optax.skip_large_updates',
  options: { max_squared_norm: number() },
  holds({ g, context: { tree, expose } }, { max_squared_norm }) {
    const norm = tree.sum(g.square())
    expose('norm_squared', norm)
    return norm.lt(max_squared_norm).neg().add(1)
  },
})
