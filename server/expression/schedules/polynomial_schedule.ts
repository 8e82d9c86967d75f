import { integer, number } from '../options.ts'
import { schedule } from './schedule.ts'

/**
 * From `init_value` to `end_value` along a power of the time that is left, then constant. As in Optax,
 * `transition_steps` ≤ 0 gives `init_value` for ever.
 */
export const polynomialSchedule = schedule({
  name: 'polynomial_schedule',
  formula:
    '(init_value − end_value) · (1 − clip(t − transition_begin, 0, transition_steps) / transition_steps)^power + end_value',
  reference: 'optax.polynomial_schedule',
  options: {
    init_value: number(),
    end_value: number(),
    power: number(),
    transition_steps: integer(undefined, {}),
    transition_begin: integer(0, {}),
  },
  value(count, { init_value, end_value, power, transition_steps, transition_begin }) {
    if (transition_steps <= 0) return init_value
    const t = count.sub(Math.max(0, transition_begin)).max(0).min(transition_steps)
    const left = t.div(transition_steps).neg().add(1)
    return init_value.sub(end_value).mul(left.pow(power)).add(end_value)
  },
})
