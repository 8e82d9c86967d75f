import { constant, type Rate, type Setting } from '../../expression/index.ts'
import { warmupConstantSchedule } from '../../expression/schedules/warmup_constant_schedule.ts'

/** A rate that rises from 0 in equal steps, then stays. */
export function warmedUp(peak: Rate, warmup_steps: number | null): Rate {
  if (warmup_steps === null) return peak
  const options = { init_value: constant(0), peak_value: peak.at(undefined), warmup_steps }
  return { scheduled: true, at: (count) => warmupConstantSchedule.value(count ?? constant(0), options) }
}

/** Why a learning rate cannot be warmed up. */
export const refuseWarmup = ({
  learning_rate,
  warmup_steps,
}: {
  readonly learning_rate: Setting
  readonly warmup_steps: Setting
}): string | undefined =>
  warmup_steps === null || typeof learning_rate === 'number'
    ? undefined
    : 'warmup_steps goes with a learning rate that is a number: leave it out, and let the schedule warm up'
