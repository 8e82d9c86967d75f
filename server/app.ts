import { randomBytes } from 'node:crypto'
import type { Config } from './config.ts'
import { openEngine } from './engines/index.ts'
import { Drain } from './http/drain.ts'
import { buildServer, type ServerOptions } from './http/server.ts'
import type { Server } from './http/services.ts'
import { Programs } from './sessions/program.ts'
import { Registry } from './sessions/registry.ts'
import { Sessions } from './sessions/sessions.ts'
import { openStore } from './stores/index.ts'

const budget = { entries: 512, bytes: 2 ** 22 }
const queueLimit = 64
/** How long requests under way may take to end when the server stops, in milliseconds. */
const drainLimit = 9000

/** Put a server together: the only place that chooses implementations. */
export async function buildApp(
  config: Config,
  logger: ServerOptions['logger'] = { level: config.logLevel },
): Promise<Server> {
  const warnings: string[] = []
  const store = await openStore(config.store, {
    replicas: config.redisWait,
    warn: (message) => warnings.push(message),
  })
  const { engine, reason } = await openEngine(config.engine, { threads: config.threads })
  const programs = new Programs()
  const warn = (message: string, error: unknown) => app.log.warn(error, message)
  const sessions = new Sessions({
    engine,
    store,
    programs,
    budget: { ...budget, states: config.journalStates },
    queueLimit,
    memoryLimit: config.memoryLimit,
    random: () => randomBytes(16).toString('hex'),
    warn,
  })
  const services = {
    sessions,
    registry: new Registry(store),
    programs,
    engine,
    store,
    now: () => performance.now(),
  }
  const { bodyLimit, requestTimeout } = config
  const drain = new Drain()
  const app = buildServer(services, { bodyLimit, requestTimeout, logger, drain })
  for (const message of warnings) app.log.warn(message)
  app.log.info(
    { engine: engine.name, numerics: engine.numerics, store: store.name },
    `Engine ${engine.name} (${reason}), store ${store.name}`,
  )
  // Before the connections are closed: what is under way is answered first.
  app.addHook('preClose', async () => {
    if (!(await drain.idle(drainLimit))) app.server.closeAllConnections()
  })
  app.addHook('onClose', async () => {
    await sessions.close()
    await engine.close()
    await store.close()
  })
  return app
}
