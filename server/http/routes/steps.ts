import Type from 'typebox'
import type { TensorSpec } from '../../../schemas/index.ts'
import { type Buffer, SessionId, StepRequest } from '../../../schemas/index.ts'
import type { StepOutput } from '../../engines/engine.ts'
import { replyMsgpack } from '../msgpack.ts'
import { Bin, type Packable } from '../pack.ts'
import { releaseWhenSent } from '../send.ts'
import type { Server, Services } from '../services.ts'
import { tenant } from '../tenant.ts'
import { Timing } from '../timing.ts'
import { etag } from './sessions.ts'

const params = Type.Object({ id: SessionId })

/** `POST /v1/sessions/{id}/steps` */
export function stepRoute(app: Server, { sessions, now }: Services): void {
  app.post(
    '/v1/sessions/:id/steps',
    {
      schema: { params, body: StepRequest },
      config: { binary: true },
      onRequest: async (request) => {
        request.timing = new Timing(now)
      },
    },
    async (request, response) => {
      const { timing, body } = request
      timing.lap('read')
      const result = await sessions.step(`${tenant}/${request.params.id}`, body, (stage) => timing.lap(stage))
      const { step, replayed, output, ask, spec } = result
      releaseWhenSent(response, output)
      const content = {
        step,
        replayed,
        counted: true,
        ...outputBody(output, ask.want.of, spec.tensors, body.grads, ask.stats),
      }
      timing.lap('encode')
      return replyMsgpack(
        response.header('etag', etag(step)).header('server-timing', timing.header()),
        content,
      )
    },
  )
}

/** What a step gave, in the form in which its gradients came. */
export function outputBody(
  { parts = [], scalars }: StepOutput,
  of: 'updates' | 'params',
  tensors: readonly TensorSpec[],
  like: Buffer,
  stats: boolean,
): Packable {
  return { [of]: buffer(parts, tensors, like), ...(stats ? { stats: Object.fromEntries(scalars) } : {}) }
}

const buffer = (
  parts: readonly Uint8Array[],
  tensors: readonly TensorSpec[],
  like: Buffer,
): Bin | Packable =>
  like instanceof Uint8Array
    ? new Bin(parts)
    : Object.fromEntries(tensors.map(({ name }, i) => [name, new Bin(parts.slice(i, i + 1))]))
