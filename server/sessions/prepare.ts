import {
  type ApplyRequest,
  type Dtype,
  Problem,
  type StepRequest,
  type TensorSpec,
} from '../../schemas/index.ts'
import { locateHyperparams } from '../chains/index.ts'
import type { Plan } from '../compiler/plan.ts'
import type { Engine } from '../engines/engine.ts'
import { readBuffer } from './buffers.ts'
import type { StepEvent } from './journal.ts'
import type { Ask } from './live.ts'
import { checkRows, checkSameRows } from './rows.ts'

/** What a request for a step is checked against. */
export interface Terms {
  readonly plan: Plan
  readonly tensors: readonly TensorSpec[]
  readonly sizes: readonly number[]
  /** Whether the server keeps the parameters. */
  readonly keeps: boolean
}

/**
 * A request as the event that it makes and the reply that it asks for. All that can be refused is refused here,
 * before anything is written: what is in the journal can be folded.
 *
 * @param of what the reply holds where the request does not say
 * @throws Problem `schema_mismatch`, `missing_params`, `missing_value`, `bad_option`, `invalid_request`
 */
export function prepare(
  request: Omit<StepRequest, 'step'> | ApplyRequest,
  { plan, tensors, sizes, keeps }: Terms,
  engine: Engine,
  of: Ask['want']['of'] = 'updates',
): { readonly event: StepEvent; readonly ask: Ask } {
  const { grads, dtype = 'F32', params, params_dtype = 'F32', value, want = {} } = request
  for (const [field, type] of [
    ['dtype', dtype],
    ['params_dtype', params_dtype],
    ['want.dtype', want.dtype ?? dtype],
  ] as const)
    checkDtype(field, type, engine)
  if (keeps && params !== undefined)
    throw new Problem(
      'invalid_request',
      'params were sent with a step, and the server keeps them: leave them out',
      { path: '/params' },
    )
  if (!keeps && want.of === 'params')
    throw new Problem(
      'invalid_request',
      'want.of is params, and the server keeps none: open the session with params',
      { path: '/want/of' },
    )
  if (plan.needs.parameters && params === undefined)
    throw new Problem(
      'missing_params',
      'The chain needs parameters: send params with every step, or open the session with them',
    )
  if (plan.needs.loss && value === undefined)
    throw new Problem('missing_value', 'The chain needs the loss at this point: send it as value')
  const changes = 'hyperparams' in request ? locateHyperparams(plan.options, request.hyperparams ?? {}) : []
  const gradients = readBuffer(grads, dtype, tensors, sizes, 'grads')
  const parameters = params && readBuffer(params, params_dtype, tensors, sizes, 'params')
  if (parameters !== undefined) checkSameRows(gradients, parameters, tensors)
  if (gradients.rows !== undefined) checkRows(plan, gradients.rows, engine)
  return {
    event: {
      kind: 'step',
      gradients,
      ...(parameters === undefined ? {} : { parameters }),
      ...(value === undefined ? {} : { loss: value }),
      ...(want.stats ? { measure: true } : {}),
      changes,
    },
    ask: { want: { dtype: want.dtype ?? dtype, of: want.of ?? of }, stats: want.stats ?? false },
  }
}

/** @throws Problem `invalid_request` where the engine cannot hold a session of the plan */
export function checkFits(plan: Plan, engine: Engine): void {
  const reason = engine.refuse(plan)
  if (reason !== undefined)
    throw new Problem('invalid_request', `The session is too large: ${reason}`, { path: '/tensors' })
}

export function checkDtype(field: string, dtype: Dtype, { name, dtypes }: Engine): void {
  if (!dtypes.includes(dtype))
    throw new Problem(
      'invalid_request',
      `${field} is ${dtype}; the engine ${name} takes ${dtypes.join(', ')}`,
      { path: `/${field}` },
    )
}
