import { number } from '../../expression/index.ts'
import { condition } from '../form/condition.ts'

/** At the first n steps. */
export const beforeN = condition({
  name: 'before_n',
  formula: 'count < n',
  reference: 'optax.conditionally_transform(should_transform_fn=lambda step: step < n)',
  options: { n: number() },
  holds: ({ count }, { n }) => count.lt(n),
})
