import { readFile } from 'node:fs/promises'
import type { Config } from './config.ts'
import { openEngine } from './engines/index.ts'
import { Access, isLoopback } from './http/access.ts'
import { Admission } from './http/admission.ts'
import { Drain } from './http/drain.ts'
import { buildServer, type ServerOptions } from './http/server.ts'
import type { Server } from './http/services.ts'
import { randomId } from './ids.ts'
import { Programs } from './sessions/program.ts'
import { Registry } from './sessions/registry.ts'
import { Sessions } from './sessions/sessions.ts'
import { openCounters, openStore } from './stores/index.ts'

const budget = { entries: 512, bytes: 2 ** 22 }
const queueLimit = 64
/** Small bodies and answers are cut from pieces of so many bytes: memory of its own for each costs more than all else. */
const slab = 2 ** 16
/** Requests under way: in all, and the part of that and of the bytes in memory that one tenant of several may take. */
const crowd = { requests: 8192, share: 0.5 }
/** How long requests under way may take to end when the server stops, in milliseconds. */
const drainLimit = 9000

/** Put a server together: the only place that chooses implementations. */
export async function buildApp(
  config: Config,
  logger: ServerOptions['logger'] = { level: config.logLevel },
): Promise<Server> {
  checkExposure(config)
  Buffer.poolSize = slab
  const tls = await readTls(config)
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
    random: randomId,
    warn,
  })
  const now = () => performance.now()
  const keyed = config.keysFile !== ''
  const access = new Access(
    {
      keysFile: keyed ? config.keysFile : undefined,
      local: config.allowKeyless === 'no' && isLoopback(config.host),
    },
    store,
    now,
  )
  await access.reload()
  const counters = keyed ? await openCounters(config.store) : undefined
  const admission = new Admission({
    bytes: Math.max(config.flightLimit, config.bodyLimit),
    requests: crowd.requests,
    share: keyed ? crowd.share : 1,
  })
  const services = {
    sessions,
    registry: new Registry(store),
    programs,
    engine,
    store,
    now,
  }
  const { bodyLimit, requestTimeout, stallTimeout } = config
  const drain = new Drain()
  const app = buildServer(services, {
    bodyLimit,
    requestTimeout,
    stallTimeout,
    origins: config.corsOrigins,
    logger,
    drain,
    access,
    admission,
    ...(tls === undefined ? {} : { tls }),
    ...(counters === undefined ? {} : { counters: counters.client }),
  })
  app.decorate('reload', async () => {
    await access.reload()
    const renewed = await readTls(config)
    if (renewed !== undefined && 'setSecureContext' in app.server)
      (app.server as unknown as { setSecureContext(tls: object): void }).setSecureContext(renewed)
  })
  for (const message of warnings) app.log.warn(message)
  app.log.info(
    { engine: engine.name, numerics: engine.numerics, store: store.name },
    `Engine ${engine.name} (${reason}), store ${store.name}`,
  )
  // Before the connections are closed: what is under way is answered first.
  app.addHook('preClose', async () => {
    const idle = drain.idle(drainLimit)
    sessions.letGo()
    if (!(await idle)) app.server.closeAllConnections()
  })
  app.addHook('onClose', async () => {
    await sessions.close()
    await engine.close()
    counters?.close()
    await store.close()
  })
  return app
}

/** @throws Error where whoever reaches the server could use it, and nobody said that this is wanted */
function checkExposure({ host, keysFile, allowKeyless }: Config): void {
  if (keysFile !== '' || allowKeyless === 'yes' || isLoopback(host)) return
  throw new Error(
    `STEPD_HOST is ${host}, which others may reach, and there are no keys: set STEPD_KEYS_FILE, ` +
      'or STEPD_ALLOW_KEYLESS=yes where whoever reaches it may use it',
  )
}

async function readTls({ tlsCert, tlsKey }: Config): Promise<ServerOptions['tls']> {
  if (tlsCert === '' && tlsKey === '') return undefined
  if (tlsCert === '' || tlsKey === '')
    throw new Error('STEPD_TLS_CERT and STEPD_TLS_KEY go together: one of them is not set')
  return { cert: await readFile(tlsCert, 'utf8'), key: await readFile(tlsKey, 'utf8') }
}
