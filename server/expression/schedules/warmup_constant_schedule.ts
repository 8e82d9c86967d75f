import { integer, number } from '../options.ts'
import { linearSchedule } from './linear_schedule.ts'
import { schedule } from './schedule.ts'

/** Linear warm-up from `init_value` to `peak_value`, then constant. Without warm-up `init_value`, as in Optax. */
export const warmupConstantSchedule = schedule({
  name: 'warmup_constant_schedule',
  formula: 'linear(init_value → peak_value) over warmup_steps, then peak_value',
  reference: 'optax.warmup_constant_schedule',
  options: { init_value: number(), peak_value: number(), warmup_steps: integer(undefined, {}) },
  value: (count, { init_value, peak_value, warmup_steps }) =>
    linearSchedule.value(count, {
      init_value,
      end_value: peak_value,
      transition_steps: warmup_steps,
      transition_begin: 0,
    }),
})
