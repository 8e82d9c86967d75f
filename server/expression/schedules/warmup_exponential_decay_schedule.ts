import { select } from '../expr.ts'
import { integer, number } from '../options.ts'
import { exponentialDecay } from './exponential_decay.ts'
import { linearSchedule } from './linear_schedule.ts'
import { schedule } from './schedule.ts'

const { init_value, ...decay } = exponentialDecay.options

/** Linear warm-up from `init_value` to `peak_value`, then an exponential decay, its steps counted from there. */
export const warmupExponentialDecaySchedule = schedule({
  name: 'warmup_exponential_decay_schedule',
  formula:
    't < warmup_steps: linear(init_value → peak_value); then exponential_decay(peak_value) of t − warmup_steps',
  reference: 'optax.warmup_exponential_decay_schedule',
  options: { init_value, peak_value: number(), warmup_steps: integer(undefined, {}), ...decay },
  value(count, { init_value, peak_value, warmup_steps, ...decay }) {
    const warmup = linearSchedule.value(count, {
      init_value,
      end_value: peak_value,
      transition_steps: warmup_steps,
      transition_begin: 0,
    })
    const after = exponentialDecay.value(count.sub(warmup_steps), { init_value: peak_value, ...decay })
    return select(count.lt(warmup_steps), warmup, after)
  },
})
