import { constant } from '../expr.ts'
import { inOrder } from '../mappings.ts'
import { integer, number, share } from '../options.ts'
import { piecewiseInterpolateSchedule } from './piecewise_interpolate_schedule.ts'
import { schedule } from './schedule.ts'

/** Up along half a cosine to `peak_value`, then down along another to the end. */
export const cosineOnecycleSchedule = schedule({
  name: 'cosine_onecycle_schedule',
  formula: `peak_value / div_factor → peak_value at ⌊pct_start · transition_steps⌋
→ peak_value / (div_factor · final_div_factor) at transition_steps, along half cosines`,
  reference:
    'Smith and Topin, Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates, 2017, arXiv:1708.07120',
  options: {
    transition_steps: integer(undefined, { min: 1 }),
    peak_value: number(),
    pct_start: share(0.3),
    div_factor: number(25),
    final_div_factor: number(1e4),
  },
  refuse: ({ div_factor, final_div_factor }) =>
    Number(div_factor) > 0 && Number(final_div_factor) > 0
      ? undefined
      : `div_factor is ${div_factor} and final_div_factor ${final_div_factor}, expected both above 0`,
  value(count, { transition_steps, peak_value, pct_start, div_factor, final_div_factor }) {
    return piecewiseInterpolateSchedule.value(count, {
      interpolate_type: 'cosine',
      init_value: peak_value.div(div_factor),
      boundaries_and_scales: inOrder([
        [Math.floor(pct_start * transition_steps), div_factor],
        [transition_steps, constant(1).div(div_factor.mul(final_div_factor))],
      ]),
    })
  },
})
