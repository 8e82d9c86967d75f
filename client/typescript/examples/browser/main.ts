/** Serve the page, with a stepd server beside it: `npm run demo:browser`. */
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { startServer } from '../mnist/server.ts'
import { startSite } from './site.ts'

const USAGE = `Train a small network on MNIST in a web page, through a stepd server.

  npm run demo:browser -- [options]

  --url URL      a running server, whose STEPD_CORS_ORIGINS names the page's origin
                 (default: one is started, and stopped at the end)
  --port N       of the page (default: 8081; 0 takes a free one)
  --help`

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      url: { type: 'string' },
      port: { type: 'string', default: '8081' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return console.log(USAGE)
  const site = await startSite(Number(values.port))
  const origins = [site.origin, site.origin.replace('127.0.0.1', 'localhost')]
  try {
    const server = values.url === undefined ? await startServer({ origins }) : undefined
    console.log(`Open ${site.origin}/?server=${server?.url ?? values.url}`)
    try {
      await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM'), server?.failed].filter(Boolean))
    } finally {
      await server?.stop()
    }
  } finally {
    await site.stop()
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
})
