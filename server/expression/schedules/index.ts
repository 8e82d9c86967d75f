import { constantSchedule } from './constant_schedule.ts'
import { cosineDecaySchedule } from './cosine_decay_schedule.ts'
import { linearSchedule } from './linear_schedule.ts'
import type { AnySchedule } from './schedule.ts'
import { warmupCosineDecaySchedule } from './warmup_cosine_decay_schedule.ts'

/** Every schedule, by its file's name. */
export const schedules: readonly AnySchedule[] = [
  constantSchedule,
  cosineDecaySchedule,
  linearSchedule,
  warmupCosineDecaySchedule,
]
