import type { FastifyRequest } from 'fastify'
import Type from 'typebox'
import {
  ChangeRequest,
  DescribeQuery,
  ListQuery,
  OpenRequest,
  ParamsQuery,
  SessionId,
} from '../../../schemas/index.ts'
import { ifMatch } from '../ifmatch.ts'
import { reply } from '../msgpack.ts'
import { releaseWhenSent, sendPieces } from '../send.ts'
import type { Server, Services } from '../services.ts'
import { idOf, keyOf } from '../tenant.ts'

const params = Type.Object({ id: SessionId })

/** `/v1/sessions` */
export function sessionRoutes(app: Server, { sessions, registry, store }: Services): void {
  app.put(
    '/v1/sessions/:id',
    { schema: { params, body: OpenRequest }, preValidation: emptyAsNothing },
    async (request, response) => {
      const { chain } = request.body
      const open =
        chain === undefined
          ? request.body
          : { ...request.body, chain: await registry.lookUp(request.tenant.name, chain) }
      const { created, session } = await sessions.open(
        keyOf(request, request.params.id),
        open,
        request.tenant,
      )
      return reply(request, response.code(created ? 201 : 200).header('etag', etag(session.step)), session)
    },
  )

  app.get(
    '/v1/sessions/:id',
    { schema: { params, querystring: DescribeQuery } },
    async (request, response) => {
      const key = keyOf(request, request.params.id)
      const session = await sessions.describe(key)
      const plan = request.query.plan === '1' ? { plan: await sessions.plan(key) } : {}
      return reply(request, response.header('etag', etag(session.step)), { ...session, ...plan })
    },
  )

  app.get(
    '/v1/sessions/:id/params',
    { schema: { params, querystring: ParamsQuery } },
    async (request, response) => {
      const { dtype = 'F32', of = 'params' } = request.query
      const result = await sessions.params(keyOf(request, request.params.id), dtype, of)
      releaseWhenSent(response, result)
      const { step, file } = result
      return sendPieces(response.header('etag', etag(step)).type('application/octet-stream'), file)
    },
  )

  app.patch('/v1/sessions/:id', { schema: { params, body: ChangeRequest } }, async (request, response) => {
    const step = ifMatch(request.headers['if-match'])
    const session = await sessions.change(keyOf(request, request.params.id), request.body, step)
    return reply(request, response.header('etag', etag(session.step)), session)
  })

  app.delete('/v1/sessions/:id', { schema: { params } }, async (request, response) => {
    await sessions.delete(keyOf(request, request.params.id))
    request.tenant.usage.stale()
    return response.code(204).send()
  })

  app.get('/v1/sessions', { schema: { querystring: ListQuery } }, async (request, response) => {
    const { prefix = '', limit = '100', cursor } = request.query
    const page = await store.list(keyOf(request, prefix), Number(limit), cursor)
    const ids = page.keys.map((key) => ({ id: idOf(request, key) }))
    return reply(request, response, {
      sessions: ids,
      ...(page.cursor === undefined ? {} : { cursor: page.cursor }),
    })
  })
}

/** No body at all means the same as an empty map. */
const emptyAsNothing = async (request: FastifyRequest) => {
  request.body ??= {}
}

export const etag = (step: number): string => `"${step}"`
