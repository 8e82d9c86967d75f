import type { StepOutput } from '../engines/engine.ts'
import type { Ask, Live } from './live.ts'
import type { Spec } from './spec.ts'

/** Told where the parts of a step's time end. */
export type Lap = (stage: 'queue' | 'decode' | 'compute' | 'commit' | 'wait') => void

export interface StepResult {
  readonly step: number
  readonly replayed: boolean
  /** Whether what was sent is part of the step. */
  readonly counted: boolean
  /** Where it has a lease, that is the caller's to release. */
  readonly output: StepOutput
  readonly ask: Ask
  readonly spec: Spec
}

/** The latest step as a copy has it. */
export function resultOf(
  { key, last, at, spec }: Live,
  { replayed, counted }: Pick<StepResult, 'replayed' | 'counted'>,
): StepResult {
  if (last === undefined) throw new Error(`${key} is at step ${at.step} and has no reply`)
  const { step, output, ask } = last
  output.lease?.hold()
  return { step, replayed, counted, output, ask, spec }
}
