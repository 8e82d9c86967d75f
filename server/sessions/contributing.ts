import { Problem, type StepRequest } from '../../schemas/index.ts'
import type { Engine } from '../engines/engine.ts'
import type { ContributionEvent } from './journal.ts'
import type { Ask } from './live.ts'
import { prepare, type Terms } from './prepare.ts'
import type { Spec } from './spec.ts'

const invalid = (field: string, detail: string) =>
  new Problem('invalid_request', detail, { path: `/${field}` })

/** @throws Problem `invalid_request` where a field is not for a session of one worker */
export function checkAlone(request: StepRequest): void {
  for (const field of ['seq', 'base', 'weight'] as const)
    if (request[field] !== undefined)
      throw invalid(field, `${field} is for sessions of several workers, and this one has workers: 1`)
}

/**
 * What one of several workers sends, as `prepare` has it for one alone.
 *
 * @throws Problem `invalid_request`, and what `prepare` throws
 */
export function prepareContribution(
  request: StepRequest,
  spec: Spec,
  terms: Terms,
  engine: Engine,
): { readonly event: ContributionEvent; readonly ask: Ask } {
  const { worker, weight = 1, base } = request
  if (worker === undefined)
    throw invalid('worker', `The session has workers: ${spec.workers}: say with worker who contributes`)
  if (/\p{Surrogate}/u.test(worker))
    throw invalid('worker', `worker is ${JSON.stringify(worker)}: half of a surrogate pair is no character`)
  for (const [field, instead] of [
    ['hyperparams', 'change them by PATCH'],
    ['params', 'the server keeps them, or the chain needs none'],
  ] as const)
    if (request[field] !== undefined)
      throw invalid(field, `${field} are not for a contribution of several workers: ${instead}`)
  if (spec.workers === 0) checkAsynchronous(request, spec)
  else checkSynchronous(request)
  const of = spec.workers === 0 ? 'params' : 'updates'
  const { event, ask } = prepare(request, terms, engine, of)
  const { gradients, loss, measure } = event
  if (gradients.rows !== undefined)
    throw invalid('grads', 'Rows are for sessions of one worker: send whole tensors')
  const given = {
    gradients,
    weight,
    ...(loss === undefined ? {} : { loss }),
    ...(measure === undefined ? {} : { measure }),
  }
  return { event: { kind: 'contribution', worker, ...given, ...(base === undefined ? {} : { base }) }, ask }
}

function checkSynchronous(request: StepRequest): void {
  if (request.step === undefined)
    throw invalid('step', 'The step is missing: say for which one the contribution is')
  for (const field of ['seq', 'base'] as const)
    if (request[field] !== undefined)
      throw invalid(field, `${field} is for workers: 0; here step says what a contribution is for`)
}

function checkAsynchronous({ step, base, want }: StepRequest, { staleness }: Spec): void {
  if (step !== undefined)
    throw invalid('step', 'With workers: 0 each contribution is the next step: send seq in place of step')
  if (base === undefined && staleness !== 'none')
    throw invalid('base', `staleness is ${staleness}: say with base on which step's parameters it is based`)
  if (want?.of === 'updates')
    throw invalid('want/of', 'With workers: 0 the reply is the parameters: leave want.of out')
}

/** With tensors in memory of their own: a session made anew may have other workers than the one that lent for it. */
export function detached(event: ContributionEvent): ContributionEvent {
  const { gradients } = event
  return { ...event, gradients: { ...gradients, parts: gradients.parts.map((part) => new Uint8Array(part)) } }
}
