import { type AnySchedule, schedules } from '../expression/index.ts'
import { optimizers } from '../optimizers/index.ts'
import type { Entry } from '../transformations/form/define.ts'
import { transformations } from '../transformations/index.ts'

export type Catalogued = Entry | AnySchedule

/** Every name that an expression may call. */
export const catalogue: ReadonlyMap<string, Catalogued> = new Map(
  [...transformations, ...optimizers, ...schedules].map((entry) => [entry.name, entry]),
)
