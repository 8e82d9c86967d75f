import type { Server } from '../services.ts'
import type { Telemetry } from '../telemetry.ts'

/** `GET /metrics`, for Prometheus. */
export function metricsRoute(app: Server, telemetry: Telemetry): void {
  app.get('/metrics', { config: { operator: true } }, async (_request, response) => {
    const { type, body } = await telemetry.text()
    return response.type(type).send(body)
  })
}
