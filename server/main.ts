import { buildApp } from './app.ts'
import { help, readConfig } from './config.ts'

const [argument] = process.argv.slice(2)
if (argument === '--help') {
  process.stdout.write(help())
} else if (argument !== undefined) {
  fail(`${argument} is no argument of stepd: settings come from the environment, and --help lists them`)
} else {
  await serve().catch((error: unknown) => fail(reasonOf(error)))
}

function fail(reason: string): never {
  process.stderr.write(`stepd cannot start: ${reason}\n`)
  process.exit(1)
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (!('code' in error) || error.code !== 'EADDRINUSE') return error.message
  return `${error.message}: another process listens there; set STEPD_PORT to another port, or to 0 for a free one`
}

async function serve(): Promise<void> {
  const config = readConfig()
  const app = await buildApp(config)
  // Finish what is under way, then go.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      app.log.info(`${signal}: stopping`)
      app.close().then(
        () => process.exit(0),
        (error: unknown) => {
          app.log.fatal(error)
          process.exit(1)
        },
      )
    })
  }
  await app.listen({ host: config.host, port: config.port })
}
