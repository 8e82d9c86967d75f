import { addDecayedWeights } from './add_decayed_weights.ts'
import { centralize } from './centralize.ts'
import { chain } from './chain.ts'
import { clip } from './clip.ts'
import { clipByGlobalNorm } from './clip_by_global_norm.ts'
import { ema } from './ema.ts'
import type { Entry } from './form/define.ts'
import { identity } from './identity.ts'
import { scale } from './scale.ts'
import { scaleByAdam } from './scale_by_adam.ts'
import { scaleByLearningRate } from './scale_by_learning_rate.ts'
import { scaleByRms } from './scale_by_rms.ts'
import { scaleBySchedule } from './scale_by_schedule.ts'
import { scaleByStddev } from './scale_by_stddev.ts'
import { trace } from './trace.ts'

/** Every transformation, by its file's name. */
export const transformations: readonly Entry[] = [
  addDecayedWeights,
  centralize,
  chain,
  clip,
  clipByGlobalNorm,
  ema,
  identity,
  scale,
  scaleByAdam,
  scaleByLearningRate,
  scaleByRms,
  scaleBySchedule,
  scaleByStddev,
  trace,
]
