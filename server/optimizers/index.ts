import type { Entry } from '../transformations/form/define.ts'
import { adam } from './adam.ts'
import { adamw } from './adamw.ts'
import { rmsprop } from './rmsprop.ts'
import { sgd } from './sgd.ts'

/** Every optimizer, by its file's name. */
export const optimizers: readonly Entry[] = [adam, adamw, rmsprop, sgd]
