import { define } from './form/define.ts'
import { flat } from './form/flat.ts'
import { held } from './form/holding.ts'
import { at } from './form/place.ts'

/**
 * Treat all tensors as one vector: what the inner transformation reduces to a number a tensor, such as the norms of a
 * trust ratio, it reduces to one number for all, and rank is 1 for whatever looks at it.
 */
export const flatten = define(
  'transformation',
  {
    name: 'flatten',
    formula: 'u = inner(all g as one vector)',
    reference: 'optax.flatten',
    options: { inner: held() },
  },
  ({ inner }) => at('inner', flat(inner)),
)
