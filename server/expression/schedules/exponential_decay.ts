import { select } from '../expr.ts'
import { flag, integer, number, optionalNumber } from '../options.ts'
import { schedule } from './schedule.ts'

/**
 * Multiply by `decay_rate` every `transition_steps` steps, smoothly or as a staircase, no further than `end_value`. As
 * in Optax, `transition_steps` ≤ 0 or a rate of 0 gives `init_value` for ever.
 */
export const exponentialDecay = schedule({
  name: 'exponential_decay',
  formula: `p = (t − transition_begin) / transition_steps    with staircase: ⌊p⌋
init_value · decay_rate^p for p > 0, else init_value;  decay_rate < 1: at least end_value, else at most`,
  reference: 'optax.exponential_decay',
  options: {
    init_value: number(),
    transition_steps: integer(undefined, {}),
    decay_rate: number(),
    transition_begin: integer(0, {}),
    staircase: flag(false),
    end_value: optionalNumber(),
  },
  value(count, { init_value, transition_steps, decay_rate, transition_begin, staircase, end_value }) {
    if (transition_steps <= 0) return init_value
    const t = count.sub(Math.max(0, transition_begin))
    const p = t.div(transition_steps)
    const decayed = init_value.mul(decay_rate.pow(staircase ? p.floor() : p))
    const value = select(t.le(0), init_value, decayed)
    const ended =
      end_value === null ? value : select(decay_rate.lt(1), value.max(end_value), value.min(end_value))
    return select(decay_rate.eq(0), init_value, ended)
  },
})
