import { describeCatalogue } from '../../chains/index.ts'
import { reply } from '../msgpack.ts'
import type { Server } from '../services.ts'

/** `GET /v1/transformations`: everything that a chain may call. */
export function transformationsRoute(app: Server): void {
  const transformations = describeCatalogue()
  app.get('/v1/transformations', async (request, response) => reply(request, response, { transformations }))
}
