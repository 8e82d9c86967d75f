import Type from 'typebox'
import { ListQuery, RegisterRequest, SessionId } from '../../../schemas/index.ts'
import { reply } from '../msgpack.ts'
import type { Server, Services } from '../services.ts'
import { tenant } from '../tenant.ts'

const params = Type.Object({ name: SessionId })

/** `/v1/chains`: chains registered under a name. */
export function chainRoutes(app: Server, { registry }: Services): void {
  app.put('/v1/chains/:name', { schema: { params, body: RegisterRequest } }, async (request, response) => {
    const { name } = request.params
    return reply(request, response, {
      name,
      chain: await registry.put(`${tenant}/${name}`, request.body.chain),
    })
  })

  app.get('/v1/chains/:name', { schema: { params } }, async (request, response) => {
    const { name } = request.params
    return reply(request, response, { name, chain: await registry.get(`${tenant}/${name}`) })
  })

  app.delete('/v1/chains/:name', { schema: { params } }, async (request, response) => {
    await registry.delete(`${tenant}/${request.params.name}`)
    return response.code(204).send()
  })

  app.get('/v1/chains', { schema: { querystring: ListQuery } }, async (request, response) => {
    const { prefix = '', limit = '100', cursor } = request.query
    const page = await registry.list(`${tenant}/${prefix}`, Number(limit), cursor)
    const names = page.keys.map((key) => ({ name: key.slice(tenant.length + 1) }))
    return reply(request, response, {
      chains: names,
      ...(page.cursor === undefined ? {} : { cursor: page.cursor }),
    })
  })
}
