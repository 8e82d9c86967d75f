import type { Server, Services } from '../services.ts'

/** `/healthz`: the process answers. `/readyz`: so does the store, and the engine is there. */
export function healthRoutes(app: Server, { store, engine }: Services): void {
  app.get('/healthz', async () => ({ status: 'ok' }))
  app.get('/readyz', async () => {
    await store.ping()
    return { status: 'ok', store: store.name, engine: engine.name, numerics: engine.numerics }
  })
}
