import { buildApp } from './app.ts'
import { help, readConfig } from './config.ts'
import { addKey } from './http/keys.ts'

const [argument, verb, tenant, ...others] = process.argv.slice(2)
if (argument === '--help') {
  process.stdout.write(help())
} else if (argument === 'keys') {
  await keys().catch((error: unknown) => fail(reasonOf(error)))
} else if (argument !== undefined) {
  fail(`${argument} is no argument of stepd: settings come from the environment, and --help lists them`)
} else {
  await serve().catch((error: unknown) => fail(reasonOf(error)))
}

/** `keys add TENANT`: make a key, and show it this once. */
async function keys(): Promise<void> {
  const { keysFile } = readConfig()
  if (verb !== 'add' || tenant === undefined || others.length > 0)
    throw new Error('keys takes "add TENANT", and STEPD_KEYS_FILE names the file')
  if (keysFile === '') throw new Error('There is no file to note the key in: set STEPD_KEYS_FILE')
  process.stdout.write(`${await addKey(keysFile, tenant)}\n`)
}

function fail(reason: string): never {
  process.stderr.write(`stepd cannot ${argument === 'keys' ? 'make a key' : 'start'}: ${reason}\n`)
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
  process.on('SIGHUP', () => {
    app.reload().then(
      () => app.log.info('SIGHUP: keys and certificate are read again'),
      (error: unknown) => app.log.error(error, 'SIGHUP: what was read before stays'),
    )
  })
  await app.listen({ host: config.host, port: config.port })
}
