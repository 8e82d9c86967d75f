import { number } from '../options.ts'
import { schedule } from './schedule.ts'

/** The same value at every step. */
export const constantSchedule = schedule({
  name: 'constant_schedule',
  formula: 'value',
  reference: 'optax.constant_schedule',
  options: { value: number() },
  value: (_count, { value }) => value,
})
