import { counter, select } from '../expression/index.ts'
import { asked } from './form/condition.ts'
import { held } from './form/holding.ts'
import { kept } from './form/states.ts'
import { wrapper } from './form/wrapper.ts'

/** Transform at the steps that a condition names; at others the update is 0, and the inner state stays. */
export const conditionallyMask = wrapper({
  name: 'conditionally_mask',
  formula: 'u, inner = inner(g)  if should_transform_fn(step), else 0, inner as before;  step ← step + 1',
  reference: 'optax.conditionally_mask',
  options: { inner: held(), should_transform_fn: asked('every_k(4)') },
  holds: ({ inner }) => ({ inner }),
  state: { step: counter() },
  update(g, { should_transform_fn }, { step }, { inner }, context) {
    const taken = should_transform_fn({ count: step, g, context })
    const [u, after] = inner.update(g)
    return [select(taken, u, 0), { step: step.add(1) }, { inner: kept(taken, after, inner.before) }]
  },
})
