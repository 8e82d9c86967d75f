import { ApplyRequest } from '../../../schemas/index.ts'
import { apply } from '../../sessions/apply.ts'
import { replyMsgpack } from '../msgpack.ts'
import { releaseWhenSent } from '../send.ts'
import type { Server, Services } from '../services.ts'
import { outputBody } from './steps.ts'

/** `POST /v1/apply`: one step from fresh state, of which nothing is kept. */
export function applyRoute(app: Server, { engine, programs, registry }: Services): void {
  app.post(
    '/v1/apply',
    { schema: { body: ApplyRequest }, config: { binary: true } },
    async (request, response) => {
      const { body } = request
      const chain = await registry.lookUp(request.tenant.name, body.chain)
      const { output, of } = await apply({ ...body, chain }, engine, programs)
      releaseWhenSent(response, output)
      return replyMsgpack(
        response,
        outputBody(output, of, body.tensors, body.grads, body.want?.stats ?? false),
      )
    },
  )
}
