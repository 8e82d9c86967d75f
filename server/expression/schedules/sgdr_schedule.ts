import { nonEmpty } from '../lists.ts'
import { keywords } from '../mappings.ts'
import { joinSchedules } from './join_schedules.ts'
import { schedule } from './schedule.ts'
import { warmupCosineDecaySchedule as cycle } from './warmup_cosine_decay_schedule.ts'

/** Cosine decay with warm restarts: cycles one after the other, each with the options of a warm-up and cosine decay. */
export const sgdrSchedule = schedule({
  name: 'sgdr_schedule',
  formula: 'warmup_cosine_decay_scheduleᵢ(t − decay_steps₀ − … − decay_stepsᵢ₋₁), one cycle after the other',
  reference:
    'Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2017, arXiv:1608.03983',
  options: { cosine_kwargs: nonEmpty(keywords(cycle.options, cycle.refuse)) },
  value(count, { cosine_kwargs: [first, ...others] }) {
    const part = (options: typeof first) => ({ scheduled: true, at: (t = count) => cycle.value(t, options) })
    let end = 0
    const ends = [first, ...others].map(({ decay_steps }) => {
      end += decay_steps
      return end
    })
    return joinSchedules.value(count, {
      schedules: [part(first), ...others.map(part)],
      boundaries: ends.slice(0, -1),
    })
  },
})
