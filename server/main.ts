import { buildApp } from './app.ts'
import { help, readConfig } from './config.ts'

if (process.argv.includes('--help')) {
  process.stdout.write(help())
} else {
  await serve().catch((error: unknown) => {
    process.stderr.write(`stepd cannot start: ${error instanceof Error ? error.message : error}\n`)
    process.exit(1)
  })
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
