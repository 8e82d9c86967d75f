import { number } from '../../expression/index.ts'
import { condition } from '../form/condition.ts'

/** Once n steps were taken. */
export const afterN = condition({
  name: 'after_n',
  formula: 'count ≥ n',
  reference: 'optax.conditionally_transform(should_transform_fn=lambda step: step >= n)',
  options: { n: number() },
  holds: ({ count }, { n }) => count.ge(n),
})
