import Type from 'typebox'
import { ListQuery, RegisterRequest, SessionId } from '../../../schemas/index.ts'
import { reply } from '../msgpack.ts'
import type { Server, Services } from '../services.ts'
import { idOf, keyOf } from '../tenant.ts'

const params = Type.Object({ name: SessionId })

/** `/v1/chains`: chains registered under a name. */
export function chainRoutes(app: Server, { registry }: Services): void {
  app.put('/v1/chains/:name', { schema: { params, body: RegisterRequest } }, async (request, response) => {
    const { name } = request.params
    return reply(request, response, {
      name,
      chain: await registry.put(keyOf(request, name), request.body.chain),
    })
  })

  app.get('/v1/chains/:name', { schema: { params } }, async (request, response) => {
    const { name } = request.params
    return reply(request, response, { name, chain: await registry.get(keyOf(request, name)) })
  })

  app.delete('/v1/chains/:name', { schema: { params } }, async (request, response) => {
    await registry.delete(keyOf(request, request.params.name))
    return response.code(204).send()
  })

  app.get('/v1/chains', { schema: { querystring: ListQuery } }, async (request, response) => {
    const { prefix = '', limit = '100', cursor } = request.query
    const page = await registry.list(keyOf(request, prefix), Number(limit), cursor)
    const names = page.keys.map((key) => ({ name: idOf(request, key) }))
    return reply(request, response, {
      chains: names,
      ...(page.cursor === undefined ? {} : { cursor: page.cursor }),
    })
  })
}
