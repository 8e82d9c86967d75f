import { number } from '../../expression/index.ts'
import { condition } from '../form/condition.ts'
import { since } from '../form/periods.ts'

/** At the first step, and then at every k-th. */
export const everyK = condition({
  name: 'every_k',
  formula: 'count mod k = 0',
  reference: 'optax.conditionally_transform(should_transform_fn=lambda step: step % k == 0)',
  options: { k: number() },
  refuse: ({ k }) => (Number(k) >= 1 ? undefined : `k is ${k}, expected a number of steps, at least 1`),
  holds: ({ count }, { k }) => since(count, k).eq(0),
})
