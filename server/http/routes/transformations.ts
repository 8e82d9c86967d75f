import { describeCatalogue, unavailable } from '../../chains/index.ts'
import { reply } from '../msgpack.ts'
import type { Server } from '../services.ts'

/** `GET /v1/transformations`: everything that a chain may call, and what of Optax it cannot and why. */
export function transformationsRoute(app: Server): void {
  const content = { transformations: describeCatalogue(), unavailable: [...unavailable.values()] }
  app.get('/v1/transformations', async (request, response) => reply(request, response, content))
}
