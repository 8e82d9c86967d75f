import type { FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { TensorSpec } from '../../../schemas/index.ts'
import { type RowsBin, type RowsBuffer, SessionId, StepRequest } from '../../../schemas/index.ts'
import type { StepOutput } from '../../engines/engine.ts'
import type { Beginning } from '../../sessions/log.ts'
import type { StepResult } from '../../sessions/sessions.ts'
import { replyMsgpack } from '../msgpack.ts'
import { Bin, type Packable } from '../pack.ts'
import { releaseWhenSent } from '../send.ts'
import type { Server, Services } from '../services.ts'
import { keyOf } from '../tenant.ts'
import type { Timing } from '../timing.ts'
import { etag } from './sessions.ts'

const params = Type.Object({ id: SessionId })

/** `POST /v1/sessions/{id}/steps` */
export function stepRoute(app: Server, { sessions }: Services): void {
  const lend = (request: FastifyRequest, bytes: number, beginning: Beginning) => {
    const { id } = request.params as { readonly id: string }
    return sessions.lend(keyOf(request, id), bytes, beginning)
  }
  app.post(
    '/v1/sessions/:id/steps',
    {
      schema: { params, body: StepRequest },
      config: { binary: true, lend },
    },
    // Not an async function: what Fastify does for what such a one returns is of no use here, and felt by small steps.
    (request, response) => {
      const { timing, body, lease } = request
      request.lease = undefined
      timing.lap('read')
      sessions
        .step(keyOf(request, request.params.id), body, {
          lap: (stage) => timing.lap(stage),
          wanted: () => !response.raw.destroyed,
          waits: () => request.load.release(),
          lease,
        })
        .then((result) => answer(response, result, body.grads, timing))
        .catch((error) => response.send(error))
    },
  )
}

function answer(response: FastifyReply, result: StepResult, like: RowsBuffer, timing: Timing): void {
  const { step, replayed, counted, output, ask, spec } = result
  releaseWhenSent(response, output)
  const content = {
    step,
    replayed,
    counted,
    ...outputBody(output, ask.want.of, spec.tensors, like, ask.stats),
  }
  timing.lap('encode')
  replyMsgpack(response.header('etag', etag(step)).header('server-timing', timing.header()), content)
}

/** What a step gave, in the form in which its gradients came. */
export function outputBody(
  { parts = [], scalars }: StepOutput,
  of: 'updates' | 'params',
  tensors: readonly TensorSpec[],
  like: RowsBuffer,
  stats: boolean,
): Packable {
  return { [of]: buffer(parts, tensors, like), ...(stats ? { stats: Object.fromEntries(scalars) } : {}) }
}

const buffer = (
  parts: readonly Uint8Array[],
  tensors: readonly TensorSpec[],
  like: RowsBuffer,
): Bin | Packable =>
  like instanceof Uint8Array
    ? new Bin(parts)
    : Object.fromEntries(
        tensors.map(({ name }, i) => [name, likePart(new Bin(parts.slice(i, i + 1)), like[name])]),
      )

/** Of a tensor of which rows were sent, the same rows. */
const likePart = (data: Bin, like: RowsBin | Uint8Array | undefined): Bin | Packable =>
  like === undefined || like instanceof Uint8Array ? data : { rows: new Bin([like.rows]), data }
