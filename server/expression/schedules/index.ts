import { constantSchedule } from './constant_schedule.ts'
import { cosineDecaySchedule } from './cosine_decay_schedule.ts'
import { cosineOnecycleSchedule } from './cosine_onecycle_schedule.ts'
import { exponentialDecay } from './exponential_decay.ts'
import { joinSchedules } from './join_schedules.ts'
import { linearOnecycleSchedule } from './linear_onecycle_schedule.ts'
import { linearSchedule } from './linear_schedule.ts'
import { piecewiseConstantSchedule } from './piecewise_constant_schedule.ts'
import { piecewiseInterpolateSchedule } from './piecewise_interpolate_schedule.ts'
import { polynomialSchedule } from './polynomial_schedule.ts'
import type { AnySchedule } from './schedule.ts'
import { sgdrSchedule } from './sgdr_schedule.ts'
import { warmupConstantSchedule } from './warmup_constant_schedule.ts'
import { warmupCosineDecaySchedule } from './warmup_cosine_decay_schedule.ts'
import { warmupExponentialDecaySchedule } from './warmup_exponential_decay_schedule.ts'

/** Every schedule, by its file's name. */
export const schedules: readonly AnySchedule[] = [
  constantSchedule,
  cosineDecaySchedule,
  cosineOnecycleSchedule,
  exponentialDecay,
  joinSchedules,
  linearOnecycleSchedule,
  linearSchedule,
  piecewiseConstantSchedule,
  piecewiseInterpolateSchedule,
  polynomialSchedule,
  sgdrSchedule,
  warmupConstantSchedule,
  warmupCosineDecaySchedule,
  warmupExponentialDecaySchedule,
]
