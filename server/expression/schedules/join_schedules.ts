import { select } from '../expr.ts'
import { list, nonEmpty } from '../lists.ts'
import { integer, scheduled } from '../options.ts'
import { schedule } from './schedule.ts'

/** Schedules one after the other: each starts to count at its boundary. */
export const joinSchedules = schedule({
  name: 'join_schedules',
  formula: 'schedule₀(t);  from boundaryᵢ on: scheduleᵢ₊₁(t − boundaryᵢ)',
  reference: 'optax.join_schedules',
  options: { schedules: nonEmpty(scheduled()), boundaries: list(integer(undefined, {})) },
  refuse: ({ schedules, boundaries }) => {
    const [parts, joints] = [schedules, boundaries].map((list) => (Array.isArray(list) ? list.length : 0))
    return joints === Number(parts) - 1
      ? undefined
      : `boundaries has ${joints} items, expected ${Number(parts) - 1}, one fewer than schedules`
  },
  value(count, { schedules: [first, ...others], boundaries }) {
    return others.reduce((value, next, i) => {
      const boundary = boundaries[i] ?? 0
      return select(count.lt(boundary), value, next.at(count.sub(boundary)))
    }, first.at(count))
  },
})
