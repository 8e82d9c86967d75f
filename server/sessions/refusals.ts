import { Problem } from '../../schemas/index.ts'
import type { Head } from '../stores/store.ts'

/** The head, if the step that the store refused is a retry of the one there. */
export function checkRetry(head: Head, step: number | undefined, digest: string): Head {
  const current_step = head.step
  if (step === undefined || step > current_step)
    throw new Problem('step_gap', `Step ${step} is ahead of its turn: ${whereIs(current_step)}`, {
      current_step,
    })
  if (step < current_step) throw stepPast(step, current_step)
  if (digest !== head.digest) {
    const detail = `Step ${step} was taken with other content: a retry must send the same gradients, params, value and hyperparams`
    throw new Problem('step_conflict', detail, { current_step })
  }
  return head
}

export const stepPast = (step: number, current_step: number): Problem =>
  new Problem('step_past', `Step ${step} is over: ${whereIs(current_step)}`, { current_step })

const whereIs = (step: number) => `the session is at ${step}, expected step ${step + 1}`

export const elsewhere = (current_step: number, wanted: number | undefined): Problem =>
  new Problem('precondition_failed', `The session is at step ${current_step}, If-Match wants ${wanted}`, {
    current_step,
  })

export const keepsNone = (): Problem =>
  new Problem(
    'missing_params',
    'The server keeps no parameters of this session: open one with params to have them kept',
  )

/** The server is to keep parameters, and whoever made the session did not send them. */
export const neverArrived = (): Problem =>
  new Problem('missing_params', 'The session keeps parameters that never arrived: open it again with params')

export const notFound = (key: string): Problem => {
  const id = key.slice(key.indexOf('/') + 1)
  return new Problem(
    'session_not_found',
    `There is no session ${id}: it was never opened, was deleted, or expired`,
  )
}
