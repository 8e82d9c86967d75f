import { type AnySchedule, schedules } from '../expression/index.ts'
import { optimizers } from '../optimizers/index.ts'
import { conditions } from '../transformations/conditions/index.ts'
import type { AnyCondition } from '../transformations/form/condition.ts'
import type { Entry } from '../transformations/form/define.ts'
import { transformations } from '../transformations/index.ts'

export type Catalogued = Entry | AnySchedule | AnyCondition

/** Every name that an expression may call. */
export const catalogue: ReadonlyMap<string, Catalogued> = new Map(
  [...transformations, ...optimizers, ...schedules, ...conditions].map((entry) => [entry.name, entry]),
)
