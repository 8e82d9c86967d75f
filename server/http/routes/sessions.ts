import type { FastifyRequest } from 'fastify'
import Type from 'typebox'
import {
  ChangeRequest,
  DescribeQuery,
  ListQuery,
  OpenRequest,
  ParamsQuery,
  Problem,
  SessionId,
} from '../../../schemas/index.ts'
import { reply } from '../msgpack.ts'
import { sendPieces } from '../send.ts'
import type { Server, Services } from '../services.ts'
import { tenant } from '../tenant.ts'

const params = Type.Object({ id: SessionId })

/** `/v1/sessions` */
export function sessionRoutes(app: Server, { sessions, registry, store }: Services): void {
  app.put(
    '/v1/sessions/:id',
    { schema: { params, body: OpenRequest }, preValidation: emptyAsNothing },
    async (request, response) => {
      const { chain } = request.body
      const open =
        chain === undefined ? request.body : { ...request.body, chain: await registry.lookUp(tenant, chain) }
      const { created, session } = await sessions.open(`${tenant}/${request.params.id}`, open)
      return reply(request, response.code(created ? 201 : 200).header('etag', etag(session.step)), session)
    },
  )

  app.get(
    '/v1/sessions/:id',
    { schema: { params, querystring: DescribeQuery } },
    async (request, response) => {
      const key = `${tenant}/${request.params.id}`
      const session = await sessions.describe(key)
      const plan = request.query.plan === '1' ? { plan: await sessions.plan(key) } : {}
      return reply(request, response.header('etag', etag(session.step)), { ...session, ...plan })
    },
  )

  app.get(
    '/v1/sessions/:id/params',
    { schema: { params, querystring: ParamsQuery } },
    async (request, response) => {
      const { step, file } = await sessions.params(
        `${tenant}/${request.params.id}`,
        request.query.dtype ?? 'F32',
      )
      return sendPieces(response.header('etag', etag(step)).type('application/octet-stream'), file)
    },
  )

  app.patch('/v1/sessions/:id', { schema: { params, body: ChangeRequest } }, async (request, response) => {
    const step = ifMatch(request.headers['if-match'])
    const session = await sessions.change(`${tenant}/${request.params.id}`, request.body, step)
    return reply(request, response.header('etag', etag(session.step)), session)
  })

  app.delete('/v1/sessions/:id', { schema: { params } }, async (request, response) => {
    await sessions.delete(`${tenant}/${request.params.id}`)
    return response.code(204).send()
  })

  app.get('/v1/sessions', { schema: { querystring: ListQuery } }, async (request, response) => {
    const { prefix = '', limit = '100', cursor } = request.query
    const page = await store.list(`${tenant}/${prefix}`, Number(limit), cursor)
    const ids = page.keys.map((key) => ({ id: key.slice(tenant.length + 1) }))
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

/** The step that an `If-Match` header names; any when there is none or it is `*`. */
function ifMatch(header: string | undefined): number | undefined {
  if (header === undefined || header.trim() === '*') return undefined
  const [, step] = /^"(\d+)"$/.exec(header.trim()) ?? []
  if (step === undefined)
    throw new Problem('invalid_request', `If-Match is ${header}, expected a step such as "12"`, {
      path: 'if-match',
    })
  return Number(step)
}
