import { select } from '../expr.ts'
import { boundaries } from '../mappings.ts'
import { number } from '../options.ts'
import { schedule } from './schedule.ts'

/** `init_value`, multiplied by the scale of every boundary that is reached. */
export const piecewiseConstantSchedule = schedule({
  name: 'piecewise_constant_schedule',
  formula: 'init_value · ∏ scaleᵢ over all boundariesᵢ ≤ t',
  reference: 'optax.piecewise_constant_schedule',
  options: { init_value: number(), boundaries_and_scales: boundaries() },
  value: (count, { init_value, boundaries_and_scales }) =>
    boundaries_and_scales.reduce(
      (value, { step, scale }) => select(count.lt(step), value, value.mul(scale)),
      init_value,
    ),
})
