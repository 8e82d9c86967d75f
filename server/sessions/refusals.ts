import { Problem } from '../../schemas/index.ts'
import type { Head, Known } from '../stores/store.ts'

/** A retry must be of what was taken. */
export const otherContent = (step: number): Problem =>
  new Problem(
    'step_conflict',
    `Step ${step} was taken with other content: a retry must send the same gradients, params, value and hyperparams`,
    { current_step: step },
  )

/**
 * What the store refused is a contribution that it has, or one that comes too late for the latest step.
 *
 * @param known what it has of the worker for that step
 */
export function checkContribution(
  { step: current_step }: Head,
  step: number,
  digest: string,
  known: Known | undefined,
): void {
  if (step > current_step + 1) throw stepGap(step, current_step)
  if (step < current_step) throw stepPast(step, current_step)
  if (known !== undefined && known.digest !== digest) {
    const detail = `The worker has contributed to step ${step} with other content: a retry must send the same gradients, value and weight`
    throw new Problem('step_conflict', detail, { current_step })
  }
}

export const stepOpen = (step: number): Problem =>
  new Problem(
    'step_open',
    `Step ${step} waits for other workers: the same request waits on, and is counted once`,
  )

export const roundGone = (step: number): Problem =>
  new Problem(
    'step_open',
    `Step ${step} is open, and the contributions to it are gone, for other state was put: send yours again`,
  )

export const stepGap = (step: number | undefined, current_step: number): Problem =>
  new Problem('step_gap', `Step ${step} is ahead of its turn: ${whereIs(current_step)}`, { current_step })

export const stepPast = (step: number, current_step: number): Problem =>
  new Problem('step_past', `Step ${step} is over: ${whereIs(current_step)}`, { current_step })

const whereIs = (step: number) => `the session is at ${step}, expected step ${step + 1}`

/** A gradient cannot be of parameters that are not there yet, unless the store has lost some steps. */
export const baseAhead = (base: number, current_step: number): Problem =>
  new Problem(
    'step_gap',
    `base is ${base}, and the session is at step ${current_step}: expected that at most`,
    {
      current_step,
    },
  )

export const elsewhere = (current_step: number, wanted: number | undefined): Problem =>
  new Problem('precondition_failed', `The session is at step ${current_step}, If-Match wants ${wanted}`, {
    current_step,
  })

export const keepsNone = (): Problem =>
  new Problem(
    'missing_params',
    'The server keeps no parameters of this session: open one with params to have them kept',
  )

/** Whoever made the session was to send parameters, or its state, and did not. */
export const neverArrived = (): Problem =>
  new Problem(
    'missing_params',
    'What the session was to begin with never arrived: open it again with params, or put its state, or fork to it, again',
  )

/** Nobody is there to read this: the step was not begun, and a retry finds it not taken. */
export const gaveUp = (): Problem =>
  new Problem('request_timeout', 'The client hung up before its turn came: the step was not taken')

export const notFound = (key: string): Problem => {
  const id = key.slice(key.indexOf('/') + 1)
  return new Problem(
    'session_not_found',
    `There is no session ${id}: it was never opened, was deleted, or expired`,
  )
}
