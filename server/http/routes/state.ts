import Type from 'typebox'
import { ForkRequest, HistoryQuery, Problem, SessionId } from '../../../schemas/index.ts'
import { ifMatch } from '../ifmatch.ts'
import { fileType, reply } from '../msgpack.ts'
import { sendPieces } from '../send.ts'
import type { Server, Services } from '../services.ts'
import { keyOf } from '../tenant.ts'
import { etag } from './sessions.ts'

const params = Type.Object({ id: SessionId })

/** The whole state of a session: given out, put back, copied; and what happened to it. */
export function stateRoutes(app: Server, { sessions }: Services): void {
  app.get('/v1/sessions/:id/state', { schema: { params } }, async (request, response) => {
    const { step, file } = await sessions.state.read(keyOf(request, request.params.id))
    return sendPieces(response.header('etag', etag(step)).type(fileType), file)
  })

  app.put(
    '/v1/sessions/:id/state',
    { schema: { params }, config: { file: true } },
    async (request, response) => {
      const { body } = request
      if (!(body instanceof Uint8Array))
        throw new Problem('unsupported_media_type', `State comes as a safetensors file: send ${fileType}`)
      const step = ifMatch(request.headers['if-match'])
      const { created, session } = await sessions.state.put(
        keyOf(request, request.params.id),
        body,
        request.tenant,
        step,
      )
      return reply(request, response.code(created ? 201 : 200).header('etag', etag(session.step)), session)
    },
  )

  app.post('/v1/sessions/:id/fork', { schema: { params, body: ForkRequest } }, async (request, response) => {
    const [from, to] = [keyOf(request, request.params.id), keyOf(request, request.body.id)]
    const { created, session } = await sessions.state.fork(from, to, request.tenant)
    return reply(request, response.code(created ? 201 : 200).header('etag', etag(session.step)), session)
  })

  app.get(
    '/v1/sessions/:id/history',
    { schema: { params, querystring: HistoryQuery } },
    async (request, response) => {
      const { since = '0' } = request.query
      const history = await sessions.history(keyOf(request, request.params.id), Number(since))
      return reply(request, response.header('etag', etag(history.step)), history)
    },
  )
}
