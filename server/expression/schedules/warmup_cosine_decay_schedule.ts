import { select } from '../expr.ts'
import { integer, number } from '../options.ts'
import { cosineDecaySchedule } from './cosine_decay_schedule.ts'
import { linearSchedule } from './linear_schedule.ts'
import { schedule } from './schedule.ts'

/**
 * Linear warm-up from `init_value` to `peak_value`, then a cosine down to `end_value`. `decay_steps` counts the
 * whole schedule, warm-up included.
 */
export const warmupCosineDecaySchedule = schedule({
  name: 'warmup_cosine_decay_schedule',
  formula:
    't < warmup_steps: linear(init_value → peak_value); then cosine_decay(peak_value → end_value) over decay_steps − warmup_steps',
  reference:
    'Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2017, arXiv:1608.03983',
  options: {
    init_value: number(),
    peak_value: number(),
    warmup_steps: integer(undefined, { min: 0 }),
    decay_steps: integer(undefined, { min: 1 }),
    end_value: number(0),
    exponent: number(1),
  },
  refuse: ({ warmup_steps, decay_steps }) =>
    Number(decay_steps) > Number(warmup_steps)
      ? undefined
      : `decay_steps is ${decay_steps}, expected more than warmup_steps, ${warmup_steps}: it counts the warm-up too`,
  value(count, { init_value, peak_value, warmup_steps, decay_steps, end_value, exponent }) {
    const warmup = linearSchedule.value(count, {
      init_value,
      end_value: peak_value,
      transition_steps: warmup_steps,
      transition_begin: 0,
    })
    // A peak of 0 decays to 0, whatever the end value.
    const alpha = select(peak_value.eq(0), 0, end_value.div(peak_value))
    const decay = cosineDecaySchedule.value(count.sub(warmup_steps), {
      init_value: peak_value,
      decay_steps: decay_steps - warmup_steps,
      alpha,
      exponent,
    })
    return select(count.lt(warmup_steps), warmup, decay)
  },
})
