import { counter, scheduled } from '../expression/index.ts'
import { transformation } from './form/define.ts'

/** Multiply by a schedule of the number of steps taken before this one. The sign is not flipped. */
export const scaleBySchedule = transformation({
  name: 'scale_by_schedule',
  formula: 'u = step_size_fn(count) · g;  count ← count + 1',
  reference: 'optax.scale_by_schedule',
  options: { step_size_fn: scheduled() },
  state: { count: counter() },
  update(g, { step_size_fn }, { count }, { expose }) {
    const size = step_size_fn.at(count)
    expose('step_size', size)
    return [g.mul(size), { count: count.add(1) }]
  },
})
