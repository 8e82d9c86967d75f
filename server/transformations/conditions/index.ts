import type { AnyCondition } from '../form/condition.ts'
import { afterN } from './after_n.ts'
import { beforeN } from './before_n.ts'
import { everyK } from './every_k.ts'
import { skipLargeUpdates } from './skip_large_updates.ts'
import { skipNotFinite } from './skip_not_finite.ts'

/** Every condition, by its file's name. */
export const conditions: readonly AnyCondition[] = [afterN, beforeN, everyK, skipLargeUpdates, skipNotFinite]
